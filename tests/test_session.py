"""The embedding call on the shipped model: the reference every other way in must equal."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from small_recogniser import SmallUtteranceRecogniser
from sounds import key_clicks, white_noise
from talk import pcm_of

from intone import AudioFormat, Encoding, EndpointerSettings, Session
from intone.core.decode import to_int16
from intone.errors import RecogniserFailed, SettingsError, UnknownModel, UnsupportedAudio
from intone.models import ModelStore
from intone.types import (
    DiscardReason,
    EndReason,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)


@pytest.fixture(scope="session")
def recogniser():
    return ModelStore.load()["gru"].new_recogniser()


@pytest.fixture(scope="session")
def others(random_models):
    store = ModelStore.load(random_models)
    return {name: store[name].new_recogniser() for name in store if name != "gru"}


def events_of(data, recogniser, cuts=(), **options):
    session = Session(model=recogniser, **options)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    events = [e for a, b in pairwise(bounds) for e in session.feed(data[a:b])]
    return events + session.finish()


def test_speech_gives_started_interims_result(recogniser, male_wav):
    events = events_of(pcm_of(male_wav), recogniser)
    assert isinstance(events[0], UtteranceStarted)
    assert isinstance(events[-1], UtteranceResult)
    interims = events[1:-1]
    assert interims
    assert all(isinstance(event, UtteranceInterim) for event in interims)
    result = events[-1]
    card = recogniser.card
    assert tuple(result.emotion.scores) == card.emotions
    assert tuple(result.gender.scores) == card.genders
    assert sum(result.emotion.scores.values()) == pytest.approx(1)
    assert result.emotion.label in {*card.emotions, "unsure"}
    assert result.model == "gru"
    assert 0 <= result.start_ms < result.end_ms


def test_gender_is_heard_in_two_synthetic_voices(recogniser, male_wav, female_wav):
    for path, gender in ((male_wav, "male"), (female_wav, "female")):
        *_, result = events_of(pcm_of(path), recogniser)
        assert result.gender.label == gender


def test_what_is_split_says_which_utterance_it_goes_on_from(recogniser, male_wav):
    data = pcm_of(male_wav)[16_000:48_000] * 4
    events = events_of(
        data, recogniser, interim_ms=0, endpointer=EndpointerSettings(max_utterance_ms=1_500)
    )
    results = [event for event in events if isinstance(event, UtteranceResult)]
    assert [result.continues for result in results] == [None, 1, 2]
    started = [event for event in events if isinstance(event, UtteranceStarted)]
    assert [event.continues for event in started] == [None, 1, 2]


@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, 80_000), cuts=st.lists(st.integers(0, 80_000), max_size=20))
def test_a_flush_ends_what_runs_wherever_the_bytes_are_cut(at, cuts, recogniser, male_wav):
    data = pcm_of(male_wav)

    def flushed(bounds):
        session = Session(model=recogniser, interim_ms=0)
        events = [e for a, b in pairwise([0, *bounds, at]) for e in session.feed(data[a:b])]
        events += (ended := session.flush())
        return ended, events + session.feed(data[at:]) + session.finish()

    ended, whole = flushed([])
    assert flushed(sorted(cut for cut in cuts if cut < at)) == (ended, whole)
    results = [event for event in whole if isinstance(event, UtteranceResult)]
    assert [event for event in ended if isinstance(event, UtteranceResult)] == [
        result for result in results if result.reason is EndReason.FLUSH
    ]
    # Enough has been said by then, and it has not come to its end.
    if 40_000 <= at <= 70_000:
        assert results[0].reason is EndReason.FLUSH
        assert results[0].end_ms == at // 640 * 20


def test_interims_come_at_the_asked_distance_in_audio_time(recogniser, male_wav):
    events = events_of(pcm_of(male_wav), recogniser, interim_ms=320)
    ends = [event.end_ms for event in events if isinstance(event, UtteranceInterim)]
    assert len(ends) >= 2
    assert all(b - a == 320 for a, b in pairwise(ends))


def test_no_interims_when_none_are_asked_for(recogniser, male_wav):
    events = events_of(pcm_of(male_wav), recogniser, interim_ms=0)
    assert [type(event) for event in events] == [UtteranceStarted, UtteranceResult]


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 200_000), max_size=50))
def test_any_split_of_the_bytes_gives_identical_events(cuts, recogniser, two_utterances_wav):
    data = pcm_of(two_utterances_wav)
    assert events_of(data, recogniser, cuts) == events_of(data, recogniser)


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 200_000), max_size=50),
    name=st.sampled_from(["lstm", "bilstm", "cnn", "cnn-bigru"]),
)
def test_any_split_gives_identical_events_of_every_architecture(
    cuts, name, others, two_utterances_wav
):
    data = pcm_of(two_utterances_wav)
    whole = events_of(data, others[name])
    assert events_of(data, others[name], cuts) == whole
    assert sum(isinstance(event, UtteranceResult) for event in whole) == 2


def test_byte_by_byte_gives_identical_events(recogniser, female_wav):
    data = pcm_of(female_wav)[:80_000]
    assert events_of(data, recogniser, range(len(data))) == events_of(data, recogniser)


def test_f32le_gives_what_s16le_gives(recogniser, male_wav):
    samples = soundfile.read(male_wav, dtype="float32")[0]
    as_float = events_of(
        samples.astype("<f4").tobytes(), recogniser, audio=AudioFormat(Encoding.F32LE)
    )
    assert as_float == events_of(pcm_of(male_wav), recogniser)


@pytest.mark.parametrize("sound", [np.zeros(80_000, "f4"), white_noise(-40), key_clicks(8, -12)])
def test_what_is_not_speech_gets_no_answer(recogniser, sound):
    events = events_of(to_int16(sound).tobytes(), recogniser)
    assert not any(isinstance(event, UtteranceResult | UtteranceInterim) for event in events)


def test_a_discarded_utterance_is_told_with_its_reason(recogniser, male_wav):
    strict = EndpointerSettings(min_speech_ms=10_000)
    events = events_of(pcm_of(male_wav), recogniser, endpointer=strict)
    assert [type(event) for event in events] == [UtteranceStarted, UtteranceDiscarded]
    assert events[1].reason is DiscardReason.TOO_SHORT


def test_the_default_model_is_loaded_by_name(male_wav, recogniser):
    session = Session()
    assert session.feed(pcm_of(male_wav)) + session.finish() == events_of(
        pcm_of(male_wav), recogniser
    )


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UnknownModel):
        Session(model="nope")
    with pytest.raises(SettingsError, match="interim_ms"):
        Session(interim_ms=7)
    with pytest.raises(SettingsError, match="voice_detectors"):
        Session(endpointer=EndpointerSettings(vad="nope"))


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (AudioFormat(channels=0), "1 or 2 channels"),
        (AudioFormat(channels=3), "1 or 2 channels"),
        (AudioFormat(sample_rate_hz=0), "sample rate"),
        (AudioFormat(sample_rate_hz=4_000), "sample rate"),
        (AudioFormat("opus"), "encoding"),
    ],
)
def test_audio_that_cannot_be_heard_is_refused(audio, message):
    with pytest.raises(UnsupportedAudio, match=message):
        Session(audio)


@pytest.mark.parametrize("length", [640, 1_000])
@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_an_array_is_not_taken_for_bytes(recogniser, length, dtype):
    session = Session(model=recogniser)
    with pytest.raises(TypeError, match=r"feed takes bytes, not an array of (float32|int16)"):
        session.feed(np.zeros((length, 1), dtype))


def test_whatever_holds_bytes_is_heard_the_same(recogniser, male_wav):
    data = pcm_of(male_wav)
    expected = events_of(data, recogniser)
    for held in (bytearray(data), memoryview(data)):
        assert events_of(held, recogniser) == expected


class FailsOnCall:
    """The model, but for one block."""

    def __init__(self, recogniser, call):
        self.card, self._recogniser, self._left = recogniser.card, recogniser, call

    def step(self, windows, states):
        self._left -= 1
        if self._left == 0:
            raise ValueError("no more memory")
        return self._recogniser.step(windows, states)


def told_beside_failures(session, data, piece_bytes):
    """Every event, and every failure where it was raised."""
    told = []
    pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
    calls = [lambda piece=piece: session.feed(piece) for piece in pieces]
    for call in [*calls, session.finish, session.finish]:
        try:
            told += call()
        except RecogniserFailed as error:
            told.append(error)
    return told


@pytest.mark.parametrize("call", [1, 5])
@pytest.mark.parametrize("piece_bytes", [640, 16_000, 1 << 20])
def test_an_utterance_on_which_the_model_fails_is_discarded(
    recogniser, two_utterances_wav, call, piece_bytes
):
    data = pcm_of(two_utterances_wav)
    session = Session(model=FailsOnCall(recogniser, call), interim_ms=0)
    told = told_beside_failures(session, data, piece_bytes)
    (failure,) = [event for event in told if isinstance(event, RecogniserFailed)]
    assert "gru failed: ValueError('no more memory')" in str(failure)
    started, discarded, *others = [event for event in told if event is not failure]
    assert isinstance(started, UtteranceStarted)
    assert isinstance(discarded, UtteranceDiscarded)
    assert discarded.reason is DiscardReason.FAILED
    assert discarded.end_ms == started.start_ms + call * 160
    # The second utterance is told as ever.
    assert others == events_of(data, recogniser, interim_ms=0)[2:]


@pytest.mark.parametrize("piece_bytes", [640, 1 << 20])
def test_an_answer_at_the_end_that_fails_is_told_likewise(recogniser, male_wav, piece_bytes):
    failing = SmallUtteranceRecogniser(recogniser.card)
    failing.fails_on_finish = True
    told = told_beside_failures(Session(model=failing), pcm_of(male_wav), piece_bytes)
    events = [event for event in told if not isinstance(event, RecogniserFailed)]
    assert len(told) == len(events) + 1
    assert [type(event) for event in events] == [UtteranceStarted, UtteranceDiscarded]
    assert events[1].reason is DiscardReason.FAILED


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_nothing_is_fed_after_the_end(recogniser, rate_hz):
    session = Session(AudioFormat(sample_rate_hz=rate_hz), model=recogniser)
    session.finish()
    with pytest.raises(ValueError, match="finished"):
        session.feed(b"\0\0")


def test_each_clip_of_real_speech_gives_one_utterance(recogniser, corpora_root):
    clips = sorted((corpora_root / "ravdess").glob("Actor_*/*.flac"))[::12]
    if not clips:
        pytest.skip("no RAVDESS in the corpora folder")
    results = [
        sum(isinstance(e, UtteranceResult) for e in events_of(pcm_of(clip), recogniser))
        for clip in clips
    ]
    assert np.mean([count == 1 for count in results]) >= 0.97
