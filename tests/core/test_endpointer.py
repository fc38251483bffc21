"""Driven by decisions alone: no audio. 1 is a speech frame of 20 ms, 0 a quiet one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intone.core.endpointer import Closed, Endpointer, Opened, Transition
from intone.settings import EndpointerSettings
from intone.types import EndReason

SETTINGS = EndpointerSettings(
    window_ms=100, start_ratio=0.8, hangover_ms=200, end_ratio=0.9, pre_roll_ms=60,
    max_utterance_ms=1_000,
)  # fmt: skip
"""Window 5 frames of which 4, hangover 10 of which 9, pre-roll 3, at most 50."""


def run(decisions: str, settings: EndpointerSettings = SETTINGS) -> list[tuple[int, Transition]]:
    endpointer = Endpointer(settings)
    return [
        (index, transition)
        for index, decision in enumerate(decisions)
        for transition in endpointer.push([decision == "1"])[1]
    ]


def test_opens_on_the_frame_that_fills_the_ratio_not_one_later():
    assert run("000000" + "111") == []
    assert run("000000" + "1111") == [(9, Opened(start_frame=3))]


def test_opens_at_once_when_the_stream_begins_with_speech():
    assert run("1111") == [(3, Opened(start_frame=0))]


def test_pre_roll_counts_from_the_first_speech_frame_in_the_window():
    assert run("0000000000" + "10111") == [(14, Opened(start_frame=7))]


def test_scattered_speech_does_not_open():
    assert run("10010" * 40) == []


def test_closes_on_the_frame_that_fills_the_hangover():
    almost = "1111" + "0" * 8
    assert run(almost) == [(3, Opened(0))]
    assert run(almost + "0") == [
        (3, Opened(0)),
        (12, Closed(end_frame=13, speech_frames=4, reason=EndReason.SILENCE)),
    ]


def test_one_false_frame_does_not_postpone_the_end_by_a_hangover():
    transitions = run("1111" + "0000" + "1" + "00000")
    assert transitions[-1] == (13, Closed(14, 5, EndReason.SILENCE))


def test_a_speech_frame_never_closes():
    decisions = "1111" + "0" * 8 + "1"
    assert run(decisions) == [(3, Opened(0))]


def test_pre_roll_does_not_reach_into_the_utterance_before():
    transitions = run("1111" + "0" * 9 + "1111")
    assert transitions[-1] == (16, Opened(start_frame=13))


def test_splits_at_the_maximum_and_says_that_it_goes_on():
    transitions = run("1" * 101)
    assert transitions == [
        (3, Opened(0)),
        (49, Closed(50, 50, EndReason.MAX_DURATION)),
        (49, Opened(50, continues_previous=True)),
        (99, Closed(100, 50, EndReason.MAX_DURATION)),
        (99, Opened(100, continues_previous=True)),
    ]


def test_close_ends_only_what_is_open():
    endpointer = Endpointer(SETTINGS)
    assert not endpointer.close(EndReason.FLUSH)
    endpointer.push([True] * 4)
    assert endpointer.close(EndReason.FLUSH) == [Closed(4, 4, EndReason.FLUSH)]
    assert not endpointer.close(EndReason.FLUSH)


@pytest.mark.parametrize("hangover_ms", [20, 40, 500])
def test_exact_multiples_need_no_extra_frame(hangover_ms):
    settings = EndpointerSettings(hangover_ms=hangover_ms, end_ratio=1.0)
    transitions = run("1" * 20 + "0" * (hangover_ms // 20), settings)
    assert transitions[-1][1] == Closed(20 + hangover_ms // 20, 20, EndReason.SILENCE)


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_ratio_asks_for_no_frame_too_many(percent):
    # 50 frames; in floating point 0.14 * 50 is a little over 7.
    settings = EndpointerSettings(window_ms=1_000, start_ratio=percent / 100)
    needed = -(-percent * 50 // 100)
    assert run("1" * (needed - 1), settings) == []
    assert run("1" * needed, settings) == [(needed - 1, Opened(0))]


def by_the_book(decisions: str) -> list[tuple[int, Transition]]:
    """What the settings ask for, counted anew from the plain list at every frame."""
    told, start, begun, speech, free_from = [], None, 0, 0, 0
    for index, decision in enumerate(decisions):
        end = index + 1
        if start is None:
            first = max(end - 5, free_from)
            window = decisions[first:end]
            if window.count("1") < 4:
                continue
            start = max(first + window.index("1") - 3, free_from)
            begun, speech = end, window.count("1")
            told.append((index, Opened(start)))
            continue
        speech += decision == "1"
        quiet = decisions[max(begun, end - 10) : end].count("0")
        if decision == "0" and quiet >= 9:
            told.append((index, Closed(end, speech, EndReason.SILENCE)))
            start, free_from = None, end
        elif end - start >= 50:
            told.append((index, Closed(end, speech, EndReason.MAX_DURATION)))
            told.append((index, Opened(end, continues_previous=True)))
            start, speech = end, 0
    return told


@given(st.lists(st.tuples(st.sampled_from("01"), st.integers(1, 12)), max_size=60))
def test_every_utterance_is_cut_by_the_book(runs):
    decisions = "".join(decision * length for decision, length in runs)
    assert run(decisions) == by_the_book(decisions)


def test_the_silence_before_an_utterance_does_not_count_towards_its_end():
    transitions = run("1111" + "0" * 9 + "1111" + "0" * 8)
    assert transitions[-1] == (16, Opened(start_frame=13))


@given(st.lists(st.booleans(), max_size=400), st.lists(st.integers(1, 20), min_size=1))
def test_how_many_decisions_come_at_once_does_not_matter(decisions, lengths):
    endpointer, caused, first = Endpointer(SETTINGS), [], 0
    for length in itertools.cycle(lengths):
        if first >= len(decisions):
            break
        taken, transitions = endpointer.push(decisions[first : first + length])
        first += taken
        caused += [(first - 1, transition) for transition in transitions]
    assert caused == run("".join("01"[decision] for decision in decisions))


@given(st.text("01", max_size=400))
def test_spans_follow_each_other_and_never_overlap(decisions):
    end = 0
    is_open = False
    for index, transition in run(decisions):
        if isinstance(transition, Opened):
            assert not is_open
            assert end <= transition.start_frame <= index + 1
        else:
            assert is_open
            assert transition.speech_frames <= transition.end_frame - end
            end = transition.end_frame
        is_open = isinstance(transition, Opened)


@given(st.text("01", max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_many_at_once_cause_what_each_alone_does(decisions, cuts):
    endpointer = Endpointer(SETTINGS)
    found, at = [], 0
    for end in [*sorted(cuts), len(decisions)]:
        while at < min(end, len(decisions)):
            some = [decision == "1" for decision in decisions[at:end]]
            taken, transitions = endpointer.push(some)
            at += taken
            found += [(at - 1, transition) for transition in transitions]
    assert found == run(decisions)


@given(st.text("01", max_size=300))
def test_nothing_is_caused_before_the_soonest_frame(decisions):
    endpointer = Endpointer(SETTINGS)
    soonest = 0
    for index, decision in enumerate(decisions):
        assert endpointer.fewest_frames >= 1
        soonest = max(soonest, index + endpointer.fewest_frames - 1)
        if endpointer.push([decision == "1"])[1]:
            assert index >= soonest
            soonest = 0


@pytest.mark.parametrize(("heard", "frames"), [("", 4), ("000", 4), ("010", 3), ("1111", 9)])
def test_the_soonest_frame_is_the_one_that_may_cause_something(heard, frames):
    endpointer = Endpointer(SETTINGS)
    endpointer.push([decision == "1" for decision in heard])
    assert endpointer.fewest_frames == frames
    following = [not heard.endswith("1111")] * frames
    assert endpointer.push(following)[0] == frames
    assert endpointer.fewest_frames != 1
