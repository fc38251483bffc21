"""How soon and how often a lost connection is tried again."""

from __future__ import annotations

import random

import pytest

from intone.client.reconnect import (
    RETRYABLE_CLOSE_CODES,
    Backoff,
    ReconnectPolicy,
    is_retryable_status,
)
from intone.errors import SettingsError


def delays(backoff: Backoff) -> list[float]:
    return list(iter(backoff.next_delay_s, None))


def test_delays_grow_by_the_factor_up_to_the_cap_and_end():
    found = delays(Backoff(ReconnectPolicy(first_delay_s=(2.0, 2.0))))
    assert found[:3] == pytest.approx([2.0, 2.6, 3.38])
    assert max(found) == found[-1] == 10.0
    assert len(found) == 30


def test_the_first_delay_is_spread_so_that_a_crowd_does_not_come_at_once():
    firsts = [Backoff(ReconnectPolicy(), random.Random(n)).next_delay_s() for n in range(1_000)]
    assert 1.0 <= min(firsts) < 1.1
    assert 4.9 < max(firsts) <= 5.0


@pytest.mark.parametrize(("up_s", "left"), [(5.0, 3), (4.9, 1)])
def test_only_a_connection_that_lasted_resets_the_count(up_s, left):
    backoff = Backoff(ReconnectPolicy(max_tries=3))
    backoff.next_delay_s()
    backoff.next_delay_s()
    backoff.was_up(up_s)
    assert len(delays(backoff)) == left


def test_what_is_worth_another_try():
    assert {1001, 1006, 1011, 1012, 1013} == RETRYABLE_CLOSE_CODES
    tried = [status for status in range(400, 600) if is_retryable_status(status)]
    assert tried == [408, 429, *range(500, 600)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_delay_s": (5.0, 1.0)},
        {"first_delay_s": (-1.0, 1.0)},
        {"factor": 0.5},
        {"max_tries": 0},
        {"max_delay_s": -1.0},
    ],
)
def test_a_policy_refuses_nonsense(wrong):
    with pytest.raises(SettingsError):
        ReconnectPolicy(**wrong)
