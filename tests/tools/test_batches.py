import itertools
from dataclasses import replace

import numpy as np
import pytest
from lab_clips import make_clips, make_examples

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings
from intone_lab.batches import Batches, BatchSettings
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.dataset import Example

GRU = ARCHITECTURES["gru"]
SETTINGS = BatchSettings(size=16, frames=128, share={"tess": 0.5})


def batches(
    examples, seed: int = 1, settings: BatchSettings = SETTINGS, warp: float = 0.1
) -> Batches:
    return Batches(examples, GRU, settings, AugmentSettings(warp=warp), seed)


def first(drawn):
    return next(drawn.draw_epoch())


def without(clips, *emotions):
    return [clip for clip in clips if clip.emotion not in emotions]


@pytest.fixture(scope="module")
def examples():
    clips = make_clips("ravdess", 2, 2, takes=10)
    clips += without(make_clips("tess", 2, 0, takes=20), "calm")
    return make_examples(clips)


def test_shapes(examples):
    inputs, targets, weights = first(batches(examples))
    assert inputs["features"].shape == (16, 128, 40)
    assert inputs["allowed"].shape == (16, 8)
    assert targets["emotion"].shape == (16, 32, 8)
    assert weights["emotion"].shape == (16, 32)
    np.testing.assert_allclose(targets["emotion"].sum(axis=2), 1.0, atol=1e-6)


def test_an_epoch_takes_the_asked_share_of_each_corpus(examples):
    # 320 clips of RAVDESS, half of TESS's 280.
    assert len(batches(examples)) == (320 + 140) // 16


def test_a_corpus_without_calm_gives_it_neither_target_nor_gradient(examples):
    drawn = batches([e for e in examples if e.clip.corpus == "tess"])
    inputs, targets, _ = first(drawn)
    calm = EMOTIONS.index("calm")
    assert (inputs["allowed"][:, calm] < -1e8).all()
    assert (targets["emotion"][:, :, calm] == 0).all()
    assert (np.delete(inputs["allowed"], calm, axis=1) == 0).all()


def test_a_corpus_of_few_emotions_gives_the_others_neither_target_nor_gradient(examples):
    few = [e for e in examples if e.clip.corpus == "tess" and e.clip.emotion in {"happy", "sad"}]
    inputs, targets, _ = first(batches(few))
    held = np.array([emotion in {"happy", "sad"} for emotion in EMOTIONS])
    assert (inputs["allowed"][:, ~held] < -1e8).all()
    assert (inputs["allowed"][:, held] == 0).all()
    assert (targets["emotion"][:, :, ~held] == 0).all()


def test_gender_is_not_learnt_from_a_corpus_of_one_sex(examples):
    _, _, weights = first(batches([e for e in examples if e.clip.corpus == "tess"]))
    assert (weights["gender"] == 0).all()
    _, _, weights = first(batches([e for e in examples if e.clip.corpus == "ravdess"], warp=0))
    assert (weights["gender"].sum(axis=1) > 0).all()


@pytest.mark.parametrize(
    ("copy", "warp", "female", "male"),
    [
        ("as it is", 0.0, True, True),
        ("as it is", 0.04, True, True),
        ("as it is", 0.06, False, True),
        ("as it is", -0.06, True, False),
        ("slow", 0.0, False, True),
        ("slow", -0.06, True, True),
        ("fast", 0.0, True, False),
        ("fast", 0.06, True, True),
    ],
)
def test_gender_is_not_learnt_from_a_voice_moved_towards_the_other_s(
    examples, monkeypatch, copy, warp, female, male
):
    monkeypatch.setattr("intone_lab.batches.draw_warps", lambda _, n, __: np.full(n, warp, "f4"))
    moved = [replace(e, copy=copy) for e in examples if e.clip.corpus == "ravdess"]
    # The statistics are of plain clips, which never come up.
    plain = [replace(e, utterances=e.utterances[:1], copy="as it is") for e in moved[:1]]
    settings = replace(SETTINGS, copies={"as it is": 1e-12} if copy != "as it is" else {})
    _, targets, weights = first(batches([*moved, *plain], settings=settings))
    is_female = targets["gender"][:, 0, GENDERS.index("female")] > 0.5
    heard = weights["gender"].sum(axis=1) > 0
    assert is_female.any()
    assert (~is_female).any()
    assert (heard[is_female] == female).all()
    assert (heard[~is_female] == male).all()


def test_rare_classes_count_as_much_as_common_ones(examples):
    ravdess = [e for e in examples if e.clip.corpus == "ravdess"]
    neutral = [e for e in ravdess if e.clip.emotion == "neutral"]
    others = [e for e in ravdess if e.clip.emotion != "neutral"]
    drawn = batches([*others, *neutral[: len(neutral) // 2]])
    totals = np.zeros(8)
    for _, targets, weights in drawn.draw_epoch():
        totals += (weights["emotion"].sum(axis=1)[:, None] * (targets["emotion"][:, 0] > 0.5)).sum(
            axis=0
        )
    assert totals[0] == pytest.approx(totals[1:].mean(), rel=0.15)


def test_only_heard_steps_count(examples):
    _, _, weights = first(batches(examples))
    per_clip = weights["emotion"]
    assert (per_clip >= 0).all()
    last = per_clip.shape[1] - np.argmax(per_clip[:, ::-1] > 0, axis=1) - 1
    assert (per_clip[np.arange(16), last] == per_clip.max(axis=1)).all()


def test_the_same_seed_gives_the_same_epoch(examples):
    for one, again in zip(first(batches(examples)), first(batches(examples)), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], again[name])
    other = first(batches(examples, seed=2))[0]["features"]
    assert not np.array_equal(first(batches(examples))[0]["features"], other)


def test_a_stray_clip_of_an_emotion_the_corpus_does_not_hold_is_heard_for_gender_alone():
    clips = [c for c in make_clips("crema_d", 2, 2, takes=10) if c.emotion in {"happy", "sad"}]
    clips += [c for c in make_clips("crema_d", 1, 0) if c.emotion == "neutral"]
    drawn = batches(make_examples(clips), settings=replace(SETTINGS, size=len(clips)), warp=0)
    inputs, targets, weights = first(drawn)
    neutral = EMOTIONS.index("neutral")
    assert (inputs["allowed"][:, neutral] < -1e8).all()
    assert (targets["emotion"][:, :, neutral] == 0).all()
    assert (weights["emotion"].sum(axis=1) == 0).sum() == 1
    assert (weights["gender"].sum(axis=1) > 0).all()


def crema_d_heard_as(clips, **shares):
    perceived = tuple(shares.get(emotion, 0.0) for emotion in EMOTIONS)
    return [replace(clip, perceived=perceived) for clip in clips]


def happy_and_sad():
    made = make_clips("crema_d", 2, 2, takes=10)
    return [clip for clip in made if clip.emotion in {"happy", "sad"}]


def drawn_once(clips, architecture=GRU, **settings):
    """One batch of every clip, its targets without smoothing."""
    settings = replace(SETTINGS, size=len(clips), label_smoothing=0.0, **settings)
    drawn = Batches(make_examples(clips), architecture, settings, AugmentSettings(), 1)
    return first(drawn)


def test_a_clip_is_asked_for_what_was_played_or_for_what_listeners_heard():
    clips = crema_d_heard_as(happy_and_sad(), neutral=0.75, sad=0.25)
    inputs, targets, weights = drawn_once(clips, perceived=0.5)
    asked = {
        tuple(target): tuple(allowed == 0)
        for target, allowed in zip(targets["emotion"][:, 0], inputs["allowed"], strict=True)
    }
    # In the order of EMOTIONS: neutral, calm, happy, sad and four more. Nobody heard it happy.
    assert asked == {
        (0, 0, 1, 0, 0, 0, 0, 0): (False, False, True, True, False, False, False, False),
        (0, 0, 0, 1, 0, 0, 0, 0): (False, False, True, True, False, False, False, False),
        (0.75, 0, 0, 0.25, 0, 0, 0, 0): (True, False, False, True, False, False, False, False),
    }
    assert (weights["emotion"].sum(axis=1) > 0).all()


def test_listeners_choose_among_all_that_any_of_them_heard():
    neutral = crema_d_heard_as(happy_and_sad()[::2], neutral=1.0)
    angry = crema_d_heard_as(happy_and_sad()[1::2], angry=1.0)
    inputs, targets, _ = drawn_once([*neutral, *angry], perceived=1.0)
    chosen = np.array([emotion in {"neutral", "angry"} for emotion in EMOTIONS])
    assert (inputs["allowed"][:, chosen] == 0).all()
    assert (inputs["allowed"][:, ~chosen] < -1e8).all()
    assert set(targets["emotion"][:, 0].argmax(axis=1)) == set(np.flatnonzero(chosen))


def test_a_network_learns_those_of_its_labels_that_listeners_heard():
    architecture = ARCHITECTURES["bilstm"]
    assert "surprised" not in architecture.emotions
    clips = [
        *crema_d_heard_as(happy_and_sad()[::2], surprised=0.5, neutral=0.3, angry=0.2),
        *crema_d_heard_as(happy_and_sad()[1::2], surprised=1.0),
    ]
    _, targets, _ = drawn_once(clips, architecture, perceived=1.0)
    rows = {tuple(row.round(3)) for row in targets["emotion"].reshape(-1, 6)}
    labels = architecture.emotions
    heard = np.zeros(6, "f4")
    heard[[labels.index("neutral"), labels.index("angry")]] = 0.6, 0.4
    # Where all of it is a label that the network lacks, it is asked for what was played.
    played = [tuple(np.eye(6, dtype="f4")[labels.index(emotion)]) for emotion in ("happy", "sad")]
    assert rows == {tuple(heard.round(3)), *played}


def test_votes_that_are_not_asked_for_change_nothing():
    clips = happy_and_sad()
    voted = crema_d_heard_as(clips, neutral=1.0)
    for one, again in zip(
        drawn_once(clips, perceived=0.5), drawn_once(voted, perceived=0.0), strict=True
    ):
        for name in one:
            np.testing.assert_array_equal(one[name], again[name])


def test_a_small_corpus_can_come_twice(examples):
    twice = replace(SETTINGS, share={"tess": 2.0})
    drawn = batches([e for e in examples if e.clip.corpus == "tess"], settings=twice)
    assert len(drawn) == 2 * 280 // 16
    some = itertools.islice(drawn.draw_epoch(), 4)
    drawn_means = np.concatenate([batch[0]["features"].mean(axis=(1, 2)) for batch in some])
    assert len(np.unique(drawn_means)) == len(drawn_means)


def test_copies_stand_for_their_clip_as_often_as_asked():
    clips = make_clips("ravdess", 2, 2, takes=10)
    plain = make_examples(clips)
    loud = [Example(e.clip, "telephone", tuple(u + 100 for u in e.utterances)) for e in plain]
    settings = replace(SETTINGS, copies={"telephone": 0.25}, crop_probability=0.0)
    quiet = AugmentSettings(0.0, 0.0, 0.0, warp=0.0, time_masks=0, band_masks=0)
    drawn = Batches(plain + loud, GRU, settings, quiet, 1)
    starts = np.concatenate([batch[0]["features"][:, 0, 0] for batch in drawn.draw_epoch()])
    # One in five; three standard errors of 320 draws.
    assert np.mean(starts > 50) == pytest.approx(0.2, abs=0.07)
