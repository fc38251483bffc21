"""Keras's side of a protocol: a network trained on arrays, epoch by epoch, able to go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from intone.types import FloatArray
from intone_lab.architectures import Architecture, load_model, save_model
from intone_lab.augment import augment
from intone_lab.catalogue import GENDERS
from intone_lab.epochs import Batch, Progress, reseed, run_epoch
from intone_lab.optimizer import adamw
from intone_lab.protocols.features import LONGEST_FRAMES
from intone_lab.protocols.protocol import Protocol, Recipe
from intone_lab.protocols.splits import Take
from intone_lab.teacher import heads
from intone_lab.whole_files import write_whole

KEEP_EVERY_S = 60.0
"""What a stop costs at most; keeping the larger networks takes half a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One network to train."""

    name: str
    """For the progress lines."""
    protocol: Protocol
    architecture: Architecture
    """With the protocol's features."""
    train: Sequence[Take]
    features: Mapping[Take, FloatArray]
    seed: int
    lessons: Mapping[Take, FloatArray] | None = None
    """What the teacher makes of training takes, float32 (width,) each; of some it makes nothing."""

    @property
    def epochs(self) -> int:
        """The recipe's."""
        return self.protocol.recipe.epochs


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained network and what an epoch of it took."""

    model: keras.Model
    epoch_s: float


def fit(
    task: Task,
    kept: Path,
    say: Callable[[str], None] = print,
    keep_every_s: float = KEEP_EVERY_S,
) -> Fitted:
    """Train ``task``, from where ``kept`` (``….keras``) has it if it is there.

    ``say`` gets a line an epoch. An epoch depends on its number and the seed alone, so that a
    run that was stopped comes to the same weights as one that was not.
    """
    # What earlier networks of this process left behind would fill its memory.
    keras.utils.clear_session()
    progress = _progress_file(kept)
    done = int(progress.read_text()) if progress.exists() and kept.exists() else 0
    batches = _Batches(task)
    model = load_model(kept) if done else _compiled(task, batches)
    started = saved = time.monotonic()
    told = Progress(task.name, task.epochs, done)
    for epoch in range(done, task.epochs):
        reseed(model, task.seed, epoch)
        loss = run_epoch(model, batches.of_epoch(epoch))
        is_last = epoch + 1 == task.epochs
        if not is_last and time.monotonic() - saved >= keep_every_s:
            _keep(model, kept, epoch + 1)
            saved = time.monotonic()
        say(told.line(epoch + 1, loss))
    if task.protocol.recipe.average_momentum is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    epochs_run = max(task.epochs - done, 1)
    return Fitted(heads.removed(model), (time.monotonic() - started) / epochs_run)


def forget(kept: Path) -> None:
    """Drop what :func:`fit` keeps of a run under way."""
    kept.unlink(missing_ok=True)
    _progress_file(kept).unlink(missing_ok=True)


def _progress_file(kept: Path) -> Path:
    return kept.with_suffix(".epochs")


def _keep(model: keras.Model, kept: Path, epochs: int) -> None:
    # Weights and count cannot be replaced at once: without the count, the run starts anew.
    _progress_file(kept).unlink(missing_ok=True)
    save_model(model, kept)
    write_whole(_progress_file(kept), str(epochs).encode())


def _compiled(task: Task, batches: _Batches) -> keras.Model:
    keras.utils.set_random_seed(task.seed)
    recipe = task.protocol.recipe
    model = task.architecture.build(
        len(task.protocol.emotions), len(GENDERS), batches.mean, batches.std, recipe.dropout
    )
    labels = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )
    losses = {"emotion": labels, "gender": labels}
    weights = {"emotion": 1.0, "gender": recipe.gender_weight}
    if task.lessons is not None:
        model = heads.add(model, batches.lesson_width // 2, with_frames=False)
        losses[heads.UTTERANCE] = keras.losses.MeanSquaredError()
        weights[heads.UTTERANCE] = recipe.teacher_weight
    model.compile(
        optimizer=_optimizer(recipe, task.epochs * len(batches)), loss=losses, loss_weights=weights
    )
    return model


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    return adamw(
        recipe.learning_rate,
        recipe.weight_decay,
        steps,
        steps // 10,
        recipe.average_momentum,
    )


class _Batches:
    """A protocol's training takes as batches of one shape."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._recipe = task.protocol.recipe
        self._lessons = task.lessons
        self.lesson_width = len(next(iter(task.lessons.values()))) if task.lessons else 0
        self._by_clip: dict[Any, list[Take]] = {}
        for take in task.train:
            self._by_clip.setdefault(take.clip, []).append(take)
        self._clips = list(self._by_clip)
        self._size = min(self._recipe.batch_clips, len(self._clips))
        frames = np.concatenate([task.features[take] for take in task.train])
        self.mean, self.std = frames.mean(axis=0), frames.std(axis=0)
        """Of each feature over the training side; the mean is what clips are padded with."""

    def __len__(self) -> int:
        return len(self._clips) // self._size

    def of_epoch(self, epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng([self._task.seed, epoch])
        order = rng.permutation(len(self._clips))
        for index in range(len(self)):
            chosen = order[index * self._size : (index + 1) * self._size]
            yield self._batch([self._clips[i] for i in chosen], rng)

    def _batch(self, clips: Sequence[Any], rng: np.random.Generator) -> Batch:
        takes = [self._by_clip[clip][rng.integers(len(self._by_clip[clip]))] for clip in clips]
        rows = [self._task.features[take] for take in takes]
        features = np.empty((len(rows), LONGEST_FRAMES, len(self.mean)), np.float32)
        features[:] = self.mean
        for index, row in enumerate(rows):
            features[index, : len(row)] = row
        if self._recipe.augmentation is not None:
            features = augment(features, self._recipe.augmentation, rng)
        emotions = self._task.protocol.emotions
        inputs = {
            "features": features,
            "frames": np.array([len(row) for row in rows], np.int32),
            "allowed": np.zeros((len(rows), len(emotions)), np.float32),
        }
        answers = self._task.architecture.answers(LONGEST_FRAMES)
        targets = {
            "emotion": _one_hot([emotions.index(clip.emotion) for clip in clips], len(emotions)),
            "gender": _one_hot([GENDERS.index(clip.gender) for clip in clips], len(GENDERS)),
        }
        weights = np.stack([self._weights(len(row), answers) for row in rows])
        counts = dict.fromkeys(targets, weights)
        if self._lessons is not None:
            lessons = [self._lessons.get(take) for take in takes]
            nothing = np.zeros(self.lesson_width, np.float32)
            targets[heads.UTTERANCE] = np.stack([nothing if le is None else le for le in lessons])
            is_there = np.array([lesson is not None for lesson in lessons], np.float32)
            counts[heads.UTTERANCE] = weights * is_there[:, None]
        return (
            inputs,
            {name: np.repeat(target[:, None], answers, 1) for name, target in targets.items()},
            counts,
        )

    def _weights(self, frames: int, answers: int) -> FloatArray:
        """The answer at the clip's end is the one that counts."""
        weights = np.zeros(answers, np.float32)
        # Keras averages over batch and answers: this makes a clip count once.
        weights[self._task.architecture.answers(frames) - 1] = answers
        return weights


def _one_hot(indices: Sequence[int], classes: int) -> FloatArray:
    return np.eye(classes, dtype=np.float32)[list(indices)]
