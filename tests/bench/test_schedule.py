"""Whose turn it is, and when."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intone_bench.wheel import first_turns, make_wheel


@given(members=st.integers(1, 3_000), period_ms=st.sampled_from([1, 4, 20, 100]))
def test_everyone_has_one_turn_a_period_and_slots_are_even(members, period_ms):
    wheel = make_wheel(range(members), period_ms / 1_000)
    turns = Counter(member for tick in range(len(wheel.slots)) for member in wheel.at(tick))
    assert turns == Counter(range(members))
    sizes = [len(slot) for slot in wheel.slots]
    assert max(sizes) - min(sizes) <= 1
    assert len(wheel.slots) <= period_ms


def test_turns_do_not_drift():
    wheel = make_wheel(range(7), 0.1)
    assert wheel.due_s(7 * 36_000) == pytest.approx(3_600.0, abs=1e-9)
    assert wheel.at(7 * 36_000 + 3) == wheel.at(3) == (3,)


@given(count=st.integers(1, 2_000), turns=st.integers(0, 200))
def test_sessions_begin_evenly_over_the_stagger(count, turns):
    first = first_turns(count, turns)
    assert len(first) == count
    assert min(first) == 0
    assert max(first) == (turns if count > 1 else 0)
    begun = Counter(first)
    assert max(begun.values()) <= -(-count // max(turns, 1)) + 1 or not turns


def test_nobody_needs_no_wheel():
    assert first_turns(0, 5) == []
    assert make_wheel([], 0.1).slots == ((),)


def test_neighbours_in_a_slot_do_not_begin_together():
    wheel = make_wheel(first_turns(1_000, 50), 0.1)
    assert all(len(set(slot)) == len(slot) for slot in wheel.slots)
