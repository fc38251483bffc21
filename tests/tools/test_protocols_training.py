"""Training of a protocol's networks: they learn, they go on after a stop, their files agree."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from lab_clips import make_clips

from intone_lab.architectures import ARCHITECTURES, BLOCK_FRAMES, SEVEN_EMOTIONS
from intone_lab.augment import AugmentSettings
from intone_lab.catalogue import EMOTIONS
from intone_lab.corpora import Clip
from intone_lab.protocols.catalogue import PROTOCOLS
from intone_lab.protocols.features import settings_of
from intone_lab.protocols.protocol import FrameFeatures, Recipe
from intone_lab.protocols.splits import Take

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab.protocols.fitting import Task, _Batches, fit, forget
from intone_lab.protocols.scoring import by_file, by_keras
from intone_lab.teacher import heads


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return make_clips("tess", 2, 0, takes=2)


def features_of(clips: list[Clip], speeds=(1.0,), width: int = 40) -> Mapping[Take, np.ndarray]:
    """Noise whose level in one place says the emotion, 3 to 8 blocks long."""
    rng = np.random.default_rng(0)
    features = {}
    for clip in clips:
        for speed in speeds:
            frames = BLOCK_FRAMES * int(rng.integers(3, 9))
            rows = rng.standard_normal((frames, width)).astype("f4")
            rows[:, 1 + EMOTIONS.index(str(clip.emotion))] += 4
            features[Take(clip, speed)] = rows
    return features


LESSON = 6
"""Numbers that a clip's lesson holds."""


def lessons_of(takes: list[Take]) -> Mapping[Take, np.ndarray]:
    """What a teacher that knows the emotions makes of all takes but the first."""
    known = np.random.default_rng(1).standard_normal((len(EMOTIONS), LESSON)).astype("f4")
    return {take: known[EMOTIONS.index(str(take.clip.emotion))] for take in takes[1:]}


def task_of(clips: list[Clip], architecture: str, recipe: Recipe) -> Task:
    protocol = replace(
        PROTOCOLS["tess-lstm"],
        emotions=SEVEN_EMOTIONS,
        architectures=(architecture,),
        recipe=recipe,
    )
    own = [clip for clip in clips if clip.emotion in protocol.emotions]
    features = features_of(own, recipe.speeds)
    takes = list(features)
    lessons = lessons_of(takes) if recipe.teacher_weight else None
    return Task("test", protocol, ARCHITECTURES[architecture], takes, features, 1, lessons)


def test_a_network_learns_what_tells_its_clips_apart(clips, tmp_path):
    task = task_of(clips, "lstm", Recipe(epochs=12, batch_clips=8, learning_rate=2e-3))
    lines: list[str] = []
    fitted = fit(task, tmp_path / "x.keras", lines.append)
    assert len(lines) == 12
    assert lines[-1].startswith("test: epoch 12/12, loss ")
    assert fitted.epoch_s > 0
    emotion, _ = by_keras(fitted.model, [task.features[take] for take in task.train])
    true = [task.protocol.emotions.index(take.clip.emotion) for take in task.train]
    assert np.mean(emotion.argmax(axis=1) == true) > 0.9


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=4, batch_clips=8, dropout=0.4),
        Recipe(
            epochs=4,
            batch_clips=8,
            dropout=0.4,
            weight_decay=0.05,
            average_momentum=0.9,
            speeds=(0.9, 1.0),
            augmentation=AugmentSettings(),
        ),
        Recipe(epochs=4, batch_clips=8, average_momentum=0.9, teacher_weight=2.0),
    ],
    ids=["plain", "averaged and augmented", "with a teacher"],
)
def test_a_run_that_was_stopped_comes_to_what_one_that_was_not_does(clips, tmp_path, recipe):
    task = task_of(clips, "lstm", recipe)
    whole = fit(task, tmp_path / "whole.keras", lambda _: None).model

    def stop(line: str) -> None:
        if "epoch 3/4" in line:
            raise Stopped

    kept = tmp_path / "kept.keras"
    with pytest.raises(Stopped):
        fit(task, kept, stop, keep_every_s=0.0)
    lines: list[str] = []
    resumed = fit(task, kept, lines.append, keep_every_s=0.0).model
    assert set(whole.output) == set(resumed.output) == {"emotion", "gender"}
    assert [line.partition(",")[0] for line in lines] == ["test: epoch 4/4"]
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, atol=1e-5)
    forget(kept)
    assert list(tmp_path.glob("kept*")) == []


@pytest.mark.parametrize("name", ["lstm", "gru", "bilstm", "cnn", "cnn-bigru"])
def test_the_exported_file_says_what_keras_says(name):
    """On clips of several lengths, of every width that a protocol asks for."""
    described = FrameFeatures.MFCC_AND_DESCRIPTORS if name == "cnn" else FrameFeatures.MFCC
    architecture = replace(ARCHITECTURES[name], features=settings_of(described))
    width = architecture.features.width
    model = architecture.build(6, 2, np.zeros(width, "f4"), np.ones(width, "f4"), 0.1)
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal((16 * n, width)).astype("f4") for n in (3, 7, 3, 5)]
    emotion, gender = by_keras(model, rows)
    content = architecture.to_tflite(model, quantised=False)
    file_emotion, file_gender = by_file(content, architecture, rows)
    assert emotion.shape == (4, 6)
    assert gender.shape == (4, 2)
    np.testing.assert_allclose(file_emotion, emotion, atol=1e-3)
    np.testing.assert_allclose(file_gender, gender, atol=1e-3)
    # Rows of one length go together: each must get its own answer back.
    alone, _ = by_keras(model, rows[2:3])
    np.testing.assert_allclose(alone[0], emotion[2], atol=1e-4)


def test_a_network_learns_its_lessons(clips, tmp_path):
    """Clips whose labels count for little are told apart by what the teacher makes of them."""
    recipe = Recipe(epochs=12, batch_clips=8, learning_rate=2e-3, teacher_weight=4.0)
    task = task_of(clips, "lstm", recipe)
    losses: list[float] = []
    fit(task, tmp_path / "x.keras", lambda line: losses.append(loss_of(line)))
    alone: list[float] = []
    untaught = replace(task, lessons=None)
    fit(untaught, tmp_path / "y.keras", lambda line: alone.append(loss_of(line)))
    lessons = np.stack(list(task.lessons.values()))
    first, last = losses[0] - alone[0], losses[-1] - alone[-1]
    assert first == pytest.approx(4.0 * np.square(lessons).mean(), rel=0.4)
    assert last < first / 3


def loss_of(line: str) -> float:
    return float(line.partition("loss ")[2].partition(",")[0])


@pytest.mark.parametrize("name", ["lstm", "cnn-bigru"])
def test_a_clip_is_asked_for_its_own_lesson_at_its_end_and_one_without_for_none(clips, name):
    task = task_of(clips, name, Recipe(epochs=1, batch_clips=8, teacher_weight=2.0))
    asked = {}
    for _, targets, weights in _Batches(task).of_epoch(0):
        lessons, counts = targets[heads.UTTERANCE], weights[heads.UTTERANCE]
        for row, emotion in enumerate(targets["emotion"][:, 0].argmax(axis=1)):
            # The first take has none.
            if counts[row].any():
                np.testing.assert_array_equal(counts[row], weights["emotion"][row])
                asked.setdefault(int(emotion), []).append(lessons[row, -1])
            else:
                assert not lessons[row].any()
    known = {
        task.protocol.emotions.index(str(take.clip.emotion)): lesson
        for take, lesson in task.lessons.items()
    }
    assert sum(map(len, asked.values())) in {23, 24}
    for emotion, lessons in asked.items():
        np.testing.assert_array_equal(lessons, [known[emotion]] * len(lessons))


def test_padding_and_neighbours_do_not_decide_what_a_clip_is_trained_for(clips):
    """A clip in the middle of a batch is answered at its own end, not at the batch's."""
    task = task_of(clips, "lstm", Recipe(epochs=1, batch_clips=8))
    batches = _Batches(task)
    for inputs, targets, weights in batches.of_epoch(0):
        answers = inputs["frames"] // task.architecture.stride
        for row, last in enumerate(answers):
            assert np.flatnonzero(weights["emotion"][row]).tolist() == [last - 1]
            padding = inputs["features"][row, inputs["frames"][row] :]
            assert np.array_equal(padding, np.broadcast_to(batches.mean, padding.shape))
        assert weights["emotion"].mean() == pytest.approx(1.0)
        assert targets["emotion"].shape[:2] == weights["emotion"].shape
