"""A session on the engine tells just what the synchronous Session tells."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_session import Told, session_events
from small_recogniser import SmallRecogniser
from talk import pcm_of

from intone import AudioFormat
from intone.errors import RecogniserFailed
from intone.types import (
    DiscardReason,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)


def started_and_ended(events):
    """Utterance ids that started, and those that ended, each as often as it did."""
    started = [e.utterance_id for e in events if isinstance(e, UtteranceStarted)]
    over = (UtteranceResult, UtteranceDiscarded)
    return started, sorted(e.utterance_id for e in events if isinstance(e, over))


@pytest.fixture(scope="module")
def gru(store):
    return store["gru"].new_recogniser()


@pytest.mark.parametrize("piece", [2, 3_200, 1_000_000])
def test_events_equal_the_synchronous_sessions(make_engine, owner, gru, two_utterances_wav, piece):
    data = pcm_of(two_utterances_wav)
    told = Told(make_engine(gru), gru)
    for start in range(0, len(data), piece):
        told.live.feed(data[start : start + piece])
    assert told.finish(owner) == session_events(gru, data)
    assert told.live.received_bytes == len(data)


def test_two_channels_keep_the_synchronous_order(make_engine, owner, gru, male_wav, female_wav):
    voices = [np.frombuffer(pcm_of(path), "<i2") for path in (male_wav, female_wav)]
    length = min(map(len, voices))
    data = np.stack([voice[:length] for voice in voices], axis=1).tobytes()
    audio = AudioFormat(channels=2)
    told = Told(make_engine(gru), gru, audio)
    for start in range(0, len(data), 6_400):
        told.live.feed(data[start : start + 6_400])
    events = told.finish(owner)
    assert events == session_events(gru, data, audio)
    assert {event.channel for event in events} == {0, 1}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(turns=st.lists(st.integers(0, 4), max_size=60), piece=st.sampled_from([640, 1_111, 8_000]))
def test_interleaved_sessions_tell_what_each_tells_alone(
    make_engine, owner, gru, male_wav, female_wav, turns, piece
):
    sounds = [pcm_of(path) for path in (male_wav, female_wav)]
    engine = make_engine(gru)
    sessions = [(Told(engine, gru), sounds[i % 2]) for i in range(5)]
    left = dict.fromkeys(range(5), 0)
    for turn in turns:
        told, data = sessions[turn]
        told.live.feed(data[left[turn] : left[turn] + piece])
        left[turn] += piece
    for turn, (told, data) in enumerate(sessions):
        told.live.feed(data[left[turn] :])
        assert told.finish(owner) == session_events(gru, data)


def test_a_failed_utterance_is_told_and_the_next_gives_a_result(
    make_engine, owner, store, two_utterances_wav
):
    recogniser = SmallRecogniser(store["gru"].card)
    told = Told(make_engine(recogniser), recogniser)
    data = pcm_of(two_utterances_wav)
    whole = session_events(recogniser, data)
    second = next(e for e in whole if isinstance(e, UtteranceStarted) and e.utterance_id == 2)
    before_second = (second.start_ms - 100) * 32
    # Every block of the first utterance fails: the model is out of order until it is over.
    recogniser.fails_on = Everything()
    told.live.feed(data[:before_second])
    owner.run_until(lambda: any(isinstance(e, UtteranceDiscarded) for e in told.events))
    recogniser.fails_on = set()
    told.live.feed(data[before_second:])
    events = told.finish(owner)
    kinds = [type(event) for event in events]
    assert kinds[:3] == [UtteranceStarted, RecogniserFailed, UtteranceDiscarded]
    assert events[2].reason is DiscardReason.FAILED
    assert [e for e in events if isinstance(e, UtteranceResult)] == [whole[-1]]
    started, ended = started_and_ended(events)
    assert started == ended == [1, 2]


class Everything(set):
    """A set that has whatever one asks for."""

    def __and__(self, other):
        return other


def test_abandoning_ends_every_utterance_once(make_engine, owner, store, two_utterances_wav):
    recogniser = SmallRecogniser(store["gru"].card)
    told = Told(make_engine(recogniser), recogniser)
    recogniser.is_open.clear()
    data = pcm_of(two_utterances_wav)
    told.live.feed(data[: len(data) - 48_000])
    told.live.abandon(DiscardReason.OVERLOADED)
    started, ended = started_and_ended(told.events)
    assert started == ended == [1, 2]
    discarded = [e for e in told.events if isinstance(e, UtteranceDiscarded)]
    assert {e.reason for e in discarded} == {DiscardReason.OVERLOADED}
    assert all(e.end_ms > e.start_ms for e in discarded)
    count = len(told.events)
    recogniser.is_open.set()
    owner.run_next()
    assert len(told.events) == count


def test_lag_is_the_audio_that_waits_for_the_model(make_engine, owner, store, male_wav):
    recogniser = SmallRecogniser(store["gru"].card)
    told = Told(make_engine(recogniser), recogniser)
    assert told.live.lag_ms == 0
    recogniser.is_open.clear()
    data = pcm_of(male_wav)
    told.live.feed(data)
    heard_ms = len(data) // 32
    assert told.live.received_ms == heard_ms
    start_ms = told.events[0].start_ms
    assert told.live.lag_ms == heard_ms - start_ms
    recogniser.is_open.set()
    told.finish(owner)
    assert told.live.lag_ms == 0


def test_interims_are_left_out_while_the_engine_is_behind(make_engine, owner, gru, male_wav):
    data = pcm_of(male_wav)
    told = Told(make_engine(gru), gru, interims_allowed=lambda _: False)
    told.live.feed(data)
    expected = [e for e in session_events(gru, data) if not isinstance(e, UtteranceInterim)]
    assert told.finish(owner) == expected
