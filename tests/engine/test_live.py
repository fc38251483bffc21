"""A session on the engine tells just what the synchronous Session tells."""

import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_session import Told, session_events
from small_recogniser import SmallRecogniser
from talk import pcm_of

from intone import AudioFormat, Encoding
from intone.errors import RecogniserFailed
from intone.types import (
    SAMPLE_RATE_HZ,
    DiscardReason,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)
from intone_lab.telephone import as_telephone


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


def as_sent(path, audio):
    """The file's speech in that format; a second channel says it a twentieth of it later."""
    samples = np.frombuffer(pcm_of(path), "<i2").astype("f4") / 32_768
    if audio.encoding is Encoding.MULAW:
        return as_telephone(samples)
    there = soxr.resample(samples, SAMPLE_RATE_HZ, audio.sample_rate_hz)
    channels = [np.roll(there, len(there) * c // 20) for c in range(audio.channels)]
    sent = np.stack(channels, axis=1)
    if audio.encoding is Encoding.S16LE:
        return (sent * 32_767).astype("<i2").tobytes()
    return sent.astype("<f4").tobytes()


def told_by_message(told, owner, messages, *, gathers):
    """With which message each event came, the model being quick; an empty one is a flush."""
    found, unheard, missing = [], b"", 0
    for index, message in enumerate(messages):
        unheard += message
        missing -= len(message)
        if gathers and missing > 0 and message:
            continue
        told.live.feed(unheard)
        if not message:
            told.live.flush()
        unheard, missing = b"", told.live.missing_bytes
        owner.run_until(lambda: told.live.is_settled)
        found += [(index, event) for event in told.events]
        told.events.clear()
    told.live.feed(unheard)
    return found + [(len(messages), event) for event in told.finish(owner)]


@pytest.mark.parametrize("interim_ms", [0, 100, 500, 1_300])
@pytest.mark.parametrize(
    ("audio", "message_ms"),
    [
        (AudioFormat(), 100),
        (AudioFormat(), 7),
        (AudioFormat(Encoding.MULAW, 8_000), 20),
        (AudioFormat(Encoding.F32LE, 44_100, 2), 30),
    ],
)
def test_no_event_comes_later_for_what_is_gathered(
    make_engine, owner, recogniser, two_utterances_wav, interim_ms, audio, message_ms
):
    """Each comes with the very message that brings it where every message is heard at once."""
    data = as_sent(two_utterances_wav, audio)
    size = audio.sample_rate_hz * message_ms // 1_000 * audio.bytes_per_tick
    messages = [data[start : start + size] for start in range(0, len(data), size)]
    engine = make_engine(recogniser, max_wait_ms=0)
    told = [Told(engine, recogniser, audio, interim_ms=interim_ms) for _ in range(2)]
    at_once = told_by_message(told[0], owner, messages, gathers=False)
    blocks = sum(recogniser.batches)
    assert told_by_message(told[1], owner, messages, gathers=True) == at_once
    assert sum(recogniser.batches) == 2 * blocks
    kinds = [type(event) for _, event in at_once]
    assert kinds.count(UtteranceResult) >= 2
    assert (UtteranceInterim in kinds) == (interim_ms > 0)


@pytest.mark.parametrize(
    ("audio", "message_ms"),
    [
        (AudioFormat(), 20),
        (AudioFormat(Encoding.MULAW, 8_000), 20),
        (AudioFormat(Encoding.S16LE, 11_025), 7),
        (AudioFormat(Encoding.F32LE, 44_100, 2), 30),
    ],
)
@pytest.mark.parametrize("flush_after", [11, 37, 90])
def test_nor_does_it_for_flushes(
    make_engine, owner, recogniser, two_utterances_wav, audio, message_ms, flush_after
):
    data = as_sent(two_utterances_wav, audio)
    size = audio.sample_rate_hz * message_ms // 1_000 * audio.bytes_per_tick
    messages = []
    for start in range(0, len(data), size):
        messages.append(data[start : start + size])
        if len(messages) % (flush_after + 1) == flush_after:
            messages.append(b"")
    engine = make_engine(recogniser, max_wait_ms=0)
    told = [Told(engine, recogniser, audio, interim_ms=100) for _ in range(2)]
    at_once = told_by_message(told[0], owner, messages, gathers=False)
    assert told_by_message(told[1], owner, messages, gathers=True) == at_once
    flushes = {index for index, message in enumerate(messages) if not message}
    over = (UtteranceResult, UtteranceDiscarded)
    assert flushes & {index for index, event in at_once if isinstance(event, over)}
    started, ended = started_and_ended([event for _, event in at_once])
    assert started == ended
    assert len(started) > 1


def test_most_messages_are_gathered(make_engine, owner, recogniser, two_utterances_wav):
    """Of 100 ms: fewer where an end is near, and never more than five."""
    data = pcm_of(two_utterances_wav)
    told = Told(make_engine(recogniser), recogniser, interim_ms=0)
    gathered_ms = []
    while data:
        size = max(-(-told.live.missing_bytes // 3_200) * 3_200, 3_200)
        told.live.feed(data[:size])
        data = data[size:]
        gathered_ms.append(size // 32)
    assert max(gathered_ms) <= 500
    assert sum(gathered_ms) / len(gathered_ms) > 160
    told.finish(owner)


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
