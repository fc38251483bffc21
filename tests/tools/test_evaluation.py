import dataclasses

import numpy as np
import pytest
import soundfile
from lab_clips import heard, make_clips

from intone.core.decode import to_int16
from intone.models import ModelStore
from intone.session import Session
from intone.types import AudioFormat, UtteranceInterim, UtteranceResult
from intone_lab import metrics
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.evaluation import Head, Listened, Trail, hear, joined

CLIPS = make_clips("ravdess", women=2, men=2)


def listened(rows, emotions=EMOTIONS) -> Listened:
    return Listened(tuple(emotions), GENDERS, tuple(rows))


def uar(rows, among, head=Head.EMOTION) -> float:
    return metrics.summary(listened(rows).counts(head, among)).uar


def test_all_right_is_one():
    rows = [heard(clip, clip.emotion, clip.gender) for clip in CLIPS]
    assert uar(rows, EMOTIONS) == 1.0
    assert uar(rows, GENDERS, Head.GENDER) == 1.0


def test_a_clip_in_which_nothing_was_heard_is_wrong():
    rows = [heard(clip, None if clip.emotion == "calm" else clip.emotion) for clip in CLIPS]
    assert uar(rows, EMOTIONS) == pytest.approx(7 / 8)
    assert listened(rows).counts(Head.EMOTION, EMOTIONS)[EMOTIONS.index("calm"), -1] == 4


def test_a_stray_clip_of_another_emotion_is_no_class():
    happy, sad, neutral = (
        [clip for clip in CLIPS if clip.emotion == name] for name in ("happy", "sad", "neutral")
    )
    rows = [heard(clip, clip.emotion) for clip in [*happy * 20, *sad * 20, neutral[0]]]
    found = listened(rows)
    assert found.present(Head.EMOTION) == ("happy", "sad")
    assert len(found.pairs(Head.EMOTION, found.present(Head.EMOTION))) == 160


def test_among_a_corpus_s_own_emotions_the_others_cannot_be_said():
    clip = next(clip for clip in CLIPS if clip.emotion == "neutral")
    found = listened([heard(clip, "calm")])
    assert found.pairs(Head.EMOTION, EMOTIONS) == [("neutral", "calm")]
    assert found.pairs(Head.EMOTION, ("neutral",)) == [("neutral", "neutral")]


def test_a_model_of_six_emotions_is_not_asked_for_the_others():
    six = tuple(name for name in reversed(EMOTIONS) if name not in ("calm", "surprised"))
    rows = [heard(clip, clip.emotion, labels=six) for clip in CLIPS if clip.emotion in six]
    rows += [heard(clip, "sad", labels=six) for clip in CLIPS if clip.emotion not in six]
    found = listened(rows, six)
    # Told in the usual order, though the model's own is another.
    assert found.present(Head.EMOTION) == tuple(name for name in EMOTIONS if name in six)
    counts = found.counts(Head.EMOTION, found.present(Head.EMOTION))
    assert metrics.summary(counts).uar == 1.0
    assert counts.sum() == 24


def test_clips_without_a_label_count_for_the_other_head_alone():
    clips = [dataclasses.replace(clip, emotion=None) for clip in CLIPS]
    found = listened([heard(clip, "sad", clip.gender) for clip in clips])
    assert found.present(Head.EMOTION) == ()
    assert len(found.pairs(Head.GENDER, GENDERS)) == len(CLIPS)


def test_each_speaker_s_confusions_add_up_to_all():
    rows = [heard(clip, "happy") for clip in CLIPS]
    found = joined([listened(rows[:20]), listened(rows[20:])])
    by_speaker = found.counts_by_speaker(Head.EMOTION, EMOTIONS)
    assert len(by_speaker) == found.speakers == 4
    assert np.array_equal(sum(by_speaker), found.counts(Head.EMOTION, EMOTIONS))


# --- through the core -------------------------------------------------------------------


@pytest.fixture(scope="module")
def recogniser():
    return ModelStore.load()["gru"].new_recogniser()


@pytest.fixture(scope="module")
def two_utterances(two_utterances_wav) -> bytes:
    return to_int16(soundfile.read(two_utterances_wav, dtype="float32")[0]).tobytes()


def test_the_longest_utterance_stands_for_the_clip(recogniser, two_utterances):
    found = hear(CLIPS[0], two_utterances, AudioFormat(), recogniser)
    session = Session(model=recogniser)
    events = session.feed(two_utterances) + session.finish()
    results = [event for event in events if isinstance(event, UtteranceResult)]
    longest = max(results, key=lambda result: result.end_ms - result.start_ms)
    assert found.utterances == len(results) == 2
    assert found.duration_ms == longest.end_ms - longest.start_ms
    for said, decision in ((found.emotion, longest.emotion), (found.gender, longest.gender)):
        probability = np.exp(said - said.max())
        probability /= probability.sum()
        assert np.argmax(probability) == np.argmax(list(decision.scores.values()))


@pytest.mark.parametrize("interim_ms", [100, 250, 500, 700])
def test_the_trail_gives_the_interims_that_a_client_gets(recogniser, two_utterances, interim_ms):
    trail = hear(CLIPS[0], two_utterances, AudioFormat(), recogniser).trail
    session = Session(model=recogniser, interim_ms=interim_ms)
    events = session.feed(two_utterances) + session.finish()
    results = [event for event in events if isinstance(event, UtteranceResult)]
    longest = max(results, key=lambda result: result.end_ms - result.start_ms)
    wanted = [
        event.end_ms - event.start_ms
        for event in events
        if isinstance(event, UtteranceInterim) and event.utterance_id == longest.utterance_id
    ]
    assert trail.every(interim_ms).ends_ms.tolist() == wanted
    assert wanted


def test_a_trail_starts_late_and_keeps_to_the_clock():
    trail = Trail(np.arange(800, 2_400, 160, dtype="i4"), np.zeros((10, 8), "f4"))
    assert trail.every(500).ends_ms.tolist() == [800, 1_120, 1_600, 2_080]


def test_silence_is_heard_as_nothing(recogniser):
    found = hear(CLIPS[0], bytes(64_000), AudioFormat(), recogniser)
    assert (found.utterances, found.emotion, found.gender, found.trail) == (0, None, None, None)
