"""Models that answer once an utterance: in the engine, and in a session on it."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_session import Told, session_events
from small_recogniser import WINDOW, SmallUtteranceRecogniser
from talk import pcm_of

from intone import AudioFormat, EndpointerSettings, Session
from intone.core.blocks import BlockCutter
from intone.core.card import endpointer_for
from intone.errors import Overloaded, RecogniserFailed, SettingsError
from intone.types import (
    DiscardReason,
    EndReason,
    Scores,
    UtteranceDiscarded,
    UtteranceResult,
    UtteranceStarted,
)


def block(level: float) -> np.ndarray:
    return np.full(WINDOW, level, np.float32)


# --- the engine -----------------------------------------------------------------------


def test_blocks_are_taken_and_the_end_is_answered(make_engine, owner, at_end):
    engine = make_engine(at_end)
    outcomes = []
    ticket = engine.open(outcomes.append)
    for level in (0.1, 0.2, 0.3):
        engine.submit(ticket, block(level))
    engine.finish(ticket)
    owner.run_until(lambda: len(outcomes) == 4)
    assert outcomes[:3] == [None, None, None]
    expected = at_end.finish(np.array([0.1, 0.2, 0.3], "f4"))
    np.testing.assert_array_equal(outcomes[3].emotion_logits, expected.emotion_logits)
    assert engine.backlog_s == 0


def test_an_end_goes_alone_and_keeps_its_turn(make_engine, owner, at_end):
    engine = make_engine(at_end)
    at_end.is_open.clear()
    outcomes = []
    tickets = [engine.open(outcomes.append) for _ in range(5)]
    engine.submit(tickets[0], block(0.1))
    owner.wait_for(at_end.entered)
    # While the model is busy, ends of two and blocks of the others gather.
    engine.submit(tickets[1], block(0.1))
    engine.submit(tickets[2], block(0.1))
    engine.finish(tickets[1])
    engine.finish(tickets[2])
    engine.submit(tickets[3], block(0.1))
    engine.submit(tickets[4], block(0.1))
    at_end.is_open.set()
    owner.run_until(lambda: len(outcomes) == 7)
    assert at_end.calls == ["step 1", "step 4", "finish 1", "finish 1"]


def test_company_is_not_waited_for_by_an_end(make_engine, owner, at_end):
    engine = make_engine(at_end, max_wait_ms=1_000.0)
    outcomes = []
    ticket, _other = engine.open(outcomes.append), engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    owner.run_until(lambda: outcomes)
    owner.delays_s.clear()
    engine.finish(ticket)
    owner.run_until(lambda: len(outcomes) == 2)
    assert not owner.delays_s


def test_an_utterance_that_ends_unasked_costs_no_answer(make_engine, owner, at_end):
    engine = make_engine(at_end)
    outcomes = []
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    engine.end(ticket)
    owner.run_until(lambda: outcomes)
    assert at_end.calls == ["step 1"]


def test_a_dropped_end_is_not_answered(make_engine, owner, at_end):
    engine = make_engine(at_end)
    at_end.is_open.clear()
    outcomes, others = [], []
    ticket, other = engine.open(outcomes.append), engine.open(others.append)
    engine.submit(other, block(0.1))
    owner.wait_for(at_end.entered)
    engine.submit(ticket, block(0.1))
    engine.finish(ticket)
    engine.drop(ticket)
    engine.submit(other, block(0.1))
    at_end.is_open.set()
    owner.run_until(lambda: len(others) == 2)
    assert outcomes == []
    assert at_end.calls == ["step 1", "step 1"]


def test_a_failing_answer_is_told_and_the_engine_goes_on(make_engine, owner, at_end, caplog):
    engine = make_engine(at_end)
    at_end.fails_on_finish = True
    outcomes = []
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    engine.finish(ticket)
    owner.run_until(lambda: len(outcomes) == 2)
    assert isinstance(outcomes[1], RecogniserFailed)
    assert "a model that fails at the end" in caplog.text
    at_end.fails_on_finish = False
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    engine.finish(ticket)
    owner.run_until(lambda: len(outcomes) == 4)
    assert isinstance(outcomes[3], Scores)


def test_an_end_that_waited_too_long_is_discarded_by_name(make_engine, owner, at_end):
    engine = make_engine(
        at_end, interim_backlog_s=0.05, refuse_backlog_s=0.1, discard_backlog_s=0.2
    )
    at_end.is_open.clear()
    outcomes = []
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    owner.wait_for(at_end.entered)
    engine.finish(ticket)
    deadline_s = time.monotonic() + 20
    while engine.backlog_s <= 0.2:
        assert time.monotonic() < deadline_s
    at_end.is_open.set()
    owner.run_until(lambda: len(outcomes) == 2)
    assert isinstance(outcomes[1], Overloaded)
    assert at_end.calls == ["step 1"]


# --- sessions -------------------------------------------------------------------------


def kinds(events):
    return [type(event) for event in events]


def test_interims_that_are_asked_for_are_not_given(at_end, two_utterances_wav):
    events = session_events(at_end, pcm_of(two_utterances_wav))
    assert kinds(events) == [UtteranceStarted, UtteranceResult] * 2
    assert [call.split()[0] for call in at_end.calls].count("finish") == 2


@pytest.mark.parametrize("piece", [2, 3_200, 1_000_000])
def test_events_equal_the_synchronous_sessions(
    make_engine, owner, at_end, two_utterances_wav, piece
):
    data = pcm_of(two_utterances_wav)
    told = Told(make_engine(at_end), at_end)
    for start in range(0, len(data), piece):
        told.live.feed(data[start : start + piece])
    assert told.finish(owner) == session_events(at_end, data)


def test_two_channels_keep_the_synchronous_order(make_engine, owner, at_end, male_wav, female_wav):
    voices = [np.frombuffer(pcm_of(path), "<i2") for path in (male_wav, female_wav)]
    length = min(map(len, voices))
    data = np.stack([voice[:length] for voice in voices], axis=1).tobytes()
    audio = AudioFormat(channels=2)
    told = Told(make_engine(at_end), at_end, audio)
    for start in range(0, len(data), 6_400):
        told.live.feed(data[start : start + 6_400])
    events = told.finish(owner)
    assert events == session_events(at_end, data, audio)
    assert {event.channel for event in events} == {0, 1}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(turns=st.lists(st.integers(0, 4), max_size=60), piece=st.sampled_from([640, 1_111, 8_000]))
def test_interleaved_sessions_tell_what_each_tells_alone(
    make_engine, owner, at_end, male_wav, female_wav, turns, piece
):
    sounds = [pcm_of(path) for path in (male_wav, female_wav)]
    engine = make_engine(at_end)
    sessions = [(Told(engine, at_end), sounds[i % 2]) for i in range(5)]
    left = dict.fromkeys(range(5), 0)
    for turn in turns:
        told, data = sessions[turn]
        told.live.feed(data[left[turn] : left[turn] + piece])
        left[turn] += piece
    for turn, (told, data) in enumerate(sessions):
        told.live.feed(data[left[turn] :])
        assert told.finish(owner) == session_events(at_end, data)


def test_a_discarded_utterance_costs_no_answer(make_engine, owner, at_end, male_wav):
    strict = EndpointerSettings(min_speech_ms=10_000)
    told = Told(make_engine(at_end), at_end, endpointer=strict)
    told.live.feed(pcm_of(male_wav))
    events = told.finish(owner)
    assert kinds(events) == [UtteranceStarted, UtteranceDiscarded]
    assert events == session_events(at_end, pcm_of(male_wav), endpointer=strict)
    assert not any(call.startswith("finish") for call in at_end.calls)


def test_a_failed_answer_is_told_and_the_next_utterance_gives_a_result(
    make_engine, owner, at_end, two_utterances_wav
):
    data = pcm_of(two_utterances_wav)
    whole = session_events(at_end, data)
    told = Told(make_engine(at_end), at_end)
    at_end.fails_on_finish = True
    before_second = (whole[2].start_ms - 100) * 32
    told.live.feed(data[:before_second])
    owner.run_until(lambda: told.live.is_settled)
    assert kinds(told.events) == [UtteranceStarted, RecogniserFailed, UtteranceDiscarded]
    assert told.events[-1].reason is DiscardReason.FAILED
    assert told.events[-1].end_ms == whole[1].end_ms
    at_end.fails_on_finish = False
    told.live.feed(data[before_second:])
    assert told.finish(owner)[3:] == whole[2:]


def test_abandoning_while_an_answer_is_awaited_ends_the_utterance_once(
    make_engine, owner, at_end, male_wav
):
    told = Told(make_engine(at_end), at_end)
    at_end.is_open.clear()
    data = pcm_of(male_wav)
    told.live.feed(data)
    told.live.finish()
    assert told.live.lag_ms > 0
    told.live.abandon(DiscardReason.OVERLOADED)
    assert kinds(told.events) == [UtteranceStarted, UtteranceDiscarded]
    assert told.live.is_settled
    at_end.is_open.set()
    owner.run_next()
    assert kinds(told.events) == [UtteranceStarted, UtteranceDiscarded]


def test_lag_counts_from_the_end_that_is_not_answered(make_engine, owner, at_end, male_wav):
    told = Told(make_engine(at_end), at_end)
    told.live.feed(pcm_of(male_wav)[: 32 * 1_500])
    owner.run_until(lambda: told.live.is_settled)
    at_end.is_open.clear()
    told.live.flush()
    assert told.live.lag_ms == 0
    told.live.feed(bytes(32 * 700))
    assert told.live.lag_ms == 700
    at_end.is_open.set()
    owner.run_until(lambda: told.live.is_settled)
    assert told.live.lag_ms == 0
    assert kinds(told.events) == [UtteranceStarted, UtteranceResult]


def test_speech_longer_than_the_model_may_hear_is_split(store, two_utterances_wav):
    short = SmallUtteranceRecogniser(store["gru"].card, longest_frames=120)
    voice = pcm_of(two_utterances_wav)[: 32 * 2_500]
    events = session_events(short, voice * 3)
    results = [event for event in events if isinstance(event, UtteranceResult)]
    assert EndReason.MAX_DURATION in {result.reason for result in results}
    assert all(result.end_ms - result.start_ms <= 1_200 for result in results)
    lengths = [int(call.split()[1]) for call in short.calls if call.startswith("finish")]
    assert max(lengths) * short.card.block_frames <= 120


def test_a_longest_that_leaves_no_room_for_an_utterance_is_refused(store):
    short = SmallUtteranceRecogniser(store["gru"].card, longest_frames=64)
    with pytest.raises(SettingsError, match="the model gru hears 660 ms at most at once"):
        Session(model=short)


def test_a_shorter_setting_stays(at_end):
    for longest_ms in (5_000, 15_000):
        asked = EndpointerSettings(max_utterance_ms=longest_ms)
        assert endpointer_for(at_end.card, asked) is asked
    asked = EndpointerSettings(max_utterance_ms=20_000)
    assert endpointer_for(at_end.card, asked).max_utterance_ms == 15_000


def test_an_utterance_may_be_as_long_as_it_takes_to_hear_all_that_the_model_may(store):
    """The last block's window reaches 15 ms beyond it; a frame is 20 ms."""
    card = store["pretrained"].card
    endpointer = endpointer_for(card, EndpointerSettings())
    assert endpointer.max_utterance_ms == 8_020
    cutter = BlockCutter(card.shape)
    windows = cutter.push(np.zeros(endpointer.max_utterance_ms * 16, "f4"))
    assert len(windows) * card.block_frames == card.longest_frames == 800
