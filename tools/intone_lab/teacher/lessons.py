"""What a network is asked for besides its labels: the teacher's frames, and their statistics.

Which of the teacher's dimensions matter is found on the clips of the training side alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intone.types import FloatArray
from intone_lab.dataset import FEATURES, Example
from intone_lab.folds import ALWAYS_TRAIN
from intone_lab.teacher.encoder import STEP_SAMPLES, Frames
from intone_lab.teacher.heads import FRAME, UTTERANCE
from intone_lab.teacher.heard import CopyKey

STEP_FRAMES = STEP_SAMPLES // FEATURES.hop_samples
"""Feature frames to one frame of the teacher's."""

_SAMPLE_UTTERANCES = 1_200
"""That the directions are found on: a hundred thousand frames."""

_SETTLED_STEPS = 8
"""A mean and a deviation over fewer of the teacher's frames say little of the utterance."""


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """How much of the teacher is asked for (docs/models.md)."""

    components: int = 192
    """Principal directions of the teacher's frames."""
    delay_steps: int = 2
    """How long after a frame the network is asked for it: the teacher hears what follows, too."""
    frame_weight: float = 1.0
    """Loss weight of the frames, which a streaming network is asked for step by step."""
    utterance_weight: float = 2.0
    """Loss weight of their mean and deviation over the utterance so far."""
    label_weight: float = 0.3
    """By what the labels' own loss weights are multiplied.

    Little, since the heads are fitted to the labels anew: the more of what is pooled is the
    teacher's, the better it holds in noise and half of the way.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A training crop: ``frames`` feature frames of an example from ``start`` on."""

    example: Example
    start: int
    frames: int


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one crop is asked for at each of the teacher's steps, late by the delay."""

    frames: FloatArray
    """float32 (steps, components), mean square 1 over the training clips."""
    statistics: FloatArray
    """float32 (steps, 2 x components): mean and deviation of the frames so far."""


class Lessons:
    """The lessons of the training side's copies."""

    def __init__(
        self,
        taught: Mapping[CopyKey, Frames],
        keys: Iterable[CopyKey],
        settings: TeacherSettings,
    ) -> None:
        """Take what the teacher heard (:func:`intone_lab.teacher.heard.hear_all`) of ``keys``.

        Raises :class:`ValueError` if it heard nothing in any.
        """
        self.settings = settings
        keys = [key for key in keys if key in taught]
        self._basis = _Basis([taught[key] for key in _sampled(keys)], settings.components)
        # Smaller by an order of magnitude, and in memory: every batch takes some of each.
        self._frames = {key: self._basis(taught[key]).astype(np.float16) for key in keys}
        self._level, self._scale = self._statistics_over_clips()

    def of(self, row: Row) -> Lesson | None:
        """Return the lesson of a crop; None where the teacher heard too little of it."""
        heard = self._frames.get(row.example.copy_key)
        first = round(row.start / STEP_FRAMES)
        delay = self.settings.delay_steps
        if heard is None:
            return None
        frames = heard[first : first + row.frames // STEP_FRAMES].astype(np.float32)
        if len(frames) < _SETTLED_STEPS + delay:
            return None
        late = np.maximum(np.arange(len(frames)) - delay, 0)
        statistics = (_running(frames) - self._level) / self._scale
        return Lesson(frames[late], statistics[late])

    def of_utterance(self, key: CopyKey) -> FloatArray | None:
        """Return the statistics of a whole utterance, float32 (2 x components); None likewise."""
        heard = self._frames.get(key)
        if heard is None or len(heard) < _SETTLED_STEPS:
            return None
        whole = _running(heard.astype(np.float32))[-1]
        lesson: FloatArray = (whole - self._level) / self._scale
        return lesson

    def of_rows(
        self, rows: Sequence[Row], weights: FloatArray
    ) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """Return targets and weights of the outputs of :func:`intone_lab.teacher.heads.add`.

        ``weights`` is float32 (rows, answers): how much each answer counts in the losses of the
        labels, and in that of the statistics, too. A model of one answer is asked for those of
        the whole crop, and for no frames.
        """
        lessons = [self.of(row) for row in rows]
        if weights.shape[1] == 1:
            return self._at_the_end(lessons, weights)
        return self._at_each_step(lessons, weights)

    def _at_the_end(
        self, lessons: Sequence[Lesson | None], weights: FloatArray
    ) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        statistics = np.zeros((len(lessons), 1, 2 * self.settings.components), np.float32)
        counts = np.zeros_like(weights)
        for index, lesson in enumerate(lessons):
            if lesson is not None:
                statistics[index, 0] = lesson.statistics[-1]
                counts[index] = weights[index]
        return {UTTERANCE: statistics}, {UTTERANCE: counts}

    def _at_each_step(
        self, lessons: Sequence[Lesson | None], weights: FloatArray
    ) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        frames = np.zeros((*weights.shape, self.settings.components), np.float32)
        statistics = np.zeros((*weights.shape, 2 * self.settings.components), np.float32)
        is_there, counts = np.zeros_like(weights), np.zeros_like(weights)
        for index, lesson in enumerate(lessons):
            if lesson is None:
                continue
            steps = len(lesson.frames)
            frames[index, :steps], statistics[index, :steps] = lesson.frames, lesson.statistics
            is_there[index, :steps] = 1.0
            settled = slice(_SETTLED_STEPS, steps)
            counts[index, settled] = weights[index, settled]
        # Keras averages over rows and answers.
        is_there *= is_there.size / max(is_there.sum(), 1.0)
        return {UTTERANCE: statistics, FRAME: frames}, {UTTERANCE: counts, FRAME: is_there}

    def _statistics_over_clips(self) -> tuple[FloatArray, FloatArray]:
        """Return the mean over utterances, and one scale for the means and one for the deviations.

        Of each direction its own would make as much of those that hardly vary.
        """
        ends = np.stack([_running(f.astype(np.float32))[-1] for f in self._frames.values()])
        half = self.settings.components
        variances = ends.var(axis=0)
        scale = np.sqrt([variances[:half].mean(), variances[half:].mean()]).astype(np.float32)
        return ends.mean(axis=0), np.repeat(np.maximum(scale, 1e-6), half)


class _Basis:
    """The directions in which the teacher's frames vary most, those of little variance raised.

    Principal components divided by the fourth root of their variance, half of what whitening
    does, and together by what makes their mean square 1.
    """

    def __init__(self, utterances: Sequence[Frames], components: int) -> None:
        if not utterances:
            raise ValueError("the teacher heard nothing")
        sample = np.concatenate([frames.astype(np.float32) for frames in utterances])
        self._mean = sample.mean(axis=0)
        self._std = sample.std(axis=0) + 1e-3
        sample = (sample - self._mean) / self._std
        variances, directions = np.linalg.eigh(sample.T @ sample / len(sample))
        variances = np.maximum(variances[::-1][:components], 1e-6)
        directions = directions[:, ::-1][:, :components] / variances**0.25
        self._directions = (directions / np.sqrt((variances**0.5).mean())).astype(np.float32)

    def __call__(self, frames: Frames) -> FloatArray:
        along: FloatArray = (
            (frames.astype(np.float32) - self._mean) / self._std
        ) @ self._directions
        return along


def _sampled(keys: Sequence[CopyKey]) -> list[CopyKey]:
    """Return some of ``keys``, of all corpora but those of a voice or two if there are others."""
    many = [key for key in keys if key[0].partition("/")[0] not in ALWAYS_TRAIN] or list(keys)
    chosen = np.random.default_rng(0).permutation(len(many))[:_SAMPLE_UTTERANCES]
    return [many[index] for index in sorted(chosen)]


def _running(frames: FloatArray) -> FloatArray:
    """Return mean and deviation of all frames up to each, float32 (steps, 2 x components)."""
    count: NDArray[np.float32] = np.arange(1, len(frames) + 1, dtype=np.float32)[:, None]
    mean = np.cumsum(frames, axis=0) / count
    variance = np.cumsum(np.square(frames), axis=0) / count - np.square(mean)
    return np.concatenate([mean, np.sqrt(np.maximum(variance, 1e-6))], axis=1)
