import numpy as np
import pytest
from lab_clips import make_clips

from intone_lab import evaluation as score
from intone_lab.catalogue import EMOTIONS
from intone_lab.evaluation import Heard

CLIPS = make_clips("ravdess", women=2, men=2)


def heard(clip, emotion: str | None, gender: str = "female") -> Heard:
    if emotion is None:
        return Heard(clip, 0, None, None)
    said = np.full(8, -5.0, "f4")
    said[EMOTIONS.index(emotion)] = 0.0
    return Heard(clip, 1, said, np.array([0.0, -1.0] if gender == "female" else [-1.0, 0.0], "f4"))


def test_all_right_is_one():
    rows = [heard(clip, clip.emotion, clip.gender) for clip in CLIPS]
    assert score.uar(score.emotion_pairs(rows, EMOTIONS), EMOTIONS) == 1.0
    assert score.accuracy(score.gender_pairs(rows)) == 1.0
    assert score.speaker_interval(rows) == (1.0, 1.0)


def test_uar_is_the_mean_of_the_recalls_not_the_accuracy():
    happy = [clip for clip in CLIPS if clip.emotion == "happy"]
    one_sad = next(clip for clip in CLIPS if clip.emotion == "sad")
    rows = [*(heard(clip, "happy") for clip in happy), heard(one_sad, "happy")]
    pairs = score.emotion_pairs(rows, ("happy", "sad"))
    assert score.uar(pairs, ("happy", "sad")) == 0.5
    assert score.accuracy(pairs) == pytest.approx(4 / 5)


def test_a_clip_in_which_nothing_was_heard_is_wrong():
    rows = [heard(clip, None if clip.emotion == "calm" else clip.emotion) for clip in CLIPS]
    pairs = score.emotion_pairs(rows, EMOTIONS)
    assert score.uar(pairs, EMOTIONS) == pytest.approx(7 / 8)
    counts = score.confusion(pairs, EMOTIONS)
    assert counts[EMOTIONS.index("calm"), -1] == 4


def test_a_stray_clip_of_another_emotion_is_no_class():
    happy, sad, neutral = (
        [clip for clip in CLIPS if clip.emotion == name] for name in ("happy", "sad", "neutral")
    )
    rows = [heard(clip, clip.emotion) for clip in [*happy * 20, *sad * 20, neutral[0]]]
    assert score.present(rows) == ("happy", "sad")
    assert len(score.emotion_pairs(rows, score.present(rows))) == 160


def test_among_a_corpus_s_own_emotions_the_others_cannot_be_said():
    clip = next(clip for clip in CLIPS if clip.emotion == "neutral")
    row = heard(clip, "calm")
    assert score.emotion_pairs([row], EMOTIONS) == [("neutral", "calm")]
    assert score.emotion_pairs([row], ("neutral",)) == [("neutral", "neutral")]
