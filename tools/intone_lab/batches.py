"""Examples to training batches: drawn by corpus, cropped, augmented, masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from intone.core.features import FeatureSettings
from intone.types import FloatArray
from intone_lab.architectures import Architecture
from intone_lab.augment import AugmentSettings, augment, draw_warps
from intone_lab.copies import COPIES_BY_NAME
from intone_lab.corpora import Clip
from intone_lab.dataset import FEATURES, Example, as_features
from intone_lab.epochs import Batch
from intone_lab.targets import Targets, tells_gender
from intone_lab.teacher.lessons import Lessons, Row


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How an epoch is drawn."""

    size: int = 32
    frames: int = 256
    """Length of a training crop: 2.56 s; most utterances are shorter and are padded."""
    share: Mapping[str, float] = field(
        default_factory=lambda: {"tess": 0.15, "crema_d": 0.5, "emodb": 2.0}
    )
    """How often a corpus's clips come in an epoch, where not once.

    EmoDB is small and the only one that is not English.
    TESS has 2,800 clips of two voices; CREMA-D would be most of an epoch, and the copy that the
    settings were chosen with has two of its emotions.
    """
    copies: Mapping[str, float] = field(default_factory=lambda: {"telephone": 0.5, "room": 0.5})
    """How likely a copy is to stand for its clip, where not as likely as the clip itself."""
    label_smoothing: float = 0.1
    perceived: float = 0.0
    """How often a clip is asked for what listeners heard in it, where they were asked.

    Else it is asked for what was played, among what its corpus holds. Half of the times, it made
    the network say *neutral* of three in four clips of CREMA-D, and nothing better
    (docs/experiments.md).
    """
    crop_probability: float = 0.5
    """How often a clip is cut shorter than it is: interims must be right on beginnings."""
    last_step_weight: float = 0.8
    """Loss weight of the last step; the rest is spread over the steps of its second half."""
    gender_shift: float = 0.05
    """How far a row's formants may be moved towards the other gender's and still say which it is:
    a copy is moved by up to 10 % of speed and as much of vocal tract."""
    gender_from: tuple[str, ...] = ("ravdess", "emodb", "crema_d")
    """Corpora with both sexes: on the others gender could be learnt from the channel."""


class Batches:
    """Batches of one epoch after the other, drawn from one seed."""

    def __init__(
        self,
        examples: Sequence[Example],
        architecture: Architecture,
        settings: BatchSettings,
        augmentation: AugmentSettings,
        seed: int,
        lessons: Lessons | None = None,
    ) -> None:
        """Take ``lessons`` where the model has the outputs of :mod:`intone_lab.teacher.heads`."""
        self.lessons = lessons
        self._settings = settings
        self._augmentation = augmentation
        self._architecture = architecture
        self._rng = np.random.default_rng(seed)
        usable = [example for example in examples if example.longest is not None]
        self._targets = Targets(
            (example.clip for example in usable),
            architecture.emotions,
            settings.label_smoothing,
            settings.perceived,
            {},
        )
        self._by_clip: dict[Clip, list[Example]] = {}
        for example in usable:
            if example.clip.emotion is not None:
                self._by_clip.setdefault(example.clip, []).append(example)
        self._clips = list(self._by_clip)
        self._rarity = self._rarities()
        self._padding, _ = feature_statistics(usable, FEATURES)
        self.mean, self.std = feature_statistics(usable, architecture.features)
        """Of each of the model's features, which it normalises by."""
        self._count = sum(self._draws().values())
        self._size = min(settings.size, self._count)

    def __len__(self) -> int:
        return self._count // self._size

    def draw_epoch(self) -> Iterator[Batch]:
        """Draw the clips of the next epoch, and yield its batches: as many as the length says."""
        order = self._draw_clips()
        for index in range(len(self)):
            yield self._batch(order[index * self._size : (index + 1) * self._size])

    def _draw_clips(self) -> list[Clip]:
        order = []
        for corpus, count in self._draws().items():
            own = [clip for clip in self._clips if clip.corpus == corpus]
            rounds = -(-count // len(own))
            drawn = np.concatenate([self._rng.permutation(len(own)) for _ in range(rounds)])
            order += [own[i] for i in drawn[:count]]
        return [order[i] for i in self._rng.permutation(len(order))]

    def _batch(self, clips: Sequence[Clip]) -> Batch:
        examples = [self._pick(clip) for clip in clips]
        rows = [self._crop(example) for example in examples]
        warps = draw_warps(self._augmentation, len(rows), self._rng)
        features = augment(self._padded(rows), self._augmentation, self._rng, warps)
        answers = self._architecture.answers(self._settings.frames)
        targets = [self._targets.of(clip, self._rng) for clip in clips]
        weights = np.stack([self._weights(row.frames) for row in rows])
        rarity = np.array([self._rarity[clip.corpus, clip.emotion] for clip in clips], "f4")
        hears_gender = np.array(
            [self._hears_gender(*pair) for pair in zip(examples, warps, strict=True)], "f4"
        )
        asked = {
            "emotion": np.repeat(np.stack([t.emotion for t in targets])[:, None], answers, 1),
            "gender": np.repeat(np.stack([t.gender for t in targets])[:, None], answers, 1),
        }
        counts = {"emotion": weights * rarity[:, None], "gender": weights * hears_gender[:, None]}
        if self.lessons is not None:
            lessons, count = self.lessons.of_rows(rows, weights)
            asked, counts = asked | lessons, counts | count
        inputs = {
            "features": as_features(features, self._architecture.features),
            "allowed": np.stack([target.allowed for target in targets]),
            "frames": np.array([row.frames for row in rows], np.int32),
        }
        return inputs, asked, counts

    def _draws(self) -> dict[str, int]:
        corpora = sorted({clip.corpus for clip in self._clips})
        counts = {c: sum(clip.corpus == c for clip in self._clips) for c in corpora}
        # Of a few clips a small share is one at least: drawing none is not what it means.
        share = self._settings.share
        return {c: max(round(share.get(c, 1.0) * n), 1) for c, n in counts.items()}

    def _rarities(self) -> dict[tuple[str, str | None], float]:
        """Loss weight of each corpus's classes: all count the same, as in the UAR.

        A stray clip of an emotion that its corpus does not hold is heard for gender alone.
        """
        counts = Counter((clip.corpus, clip.emotion) for clip in self._clips)
        totals = Counter(clip.corpus for clip in self._clips)
        return {
            (corpus, emotion): totals[corpus] / len(self._targets.present[corpus]) / count
            if emotion in self._targets.present[corpus]
            else 0.0
            for (corpus, emotion), count in counts.items()
        }

    def _pick(self, clip: Clip) -> Example:
        copies = self._by_clip[clip]
        likely = np.array([self._settings.copies.get(example.copy, 1.0) for example in copies])
        return copies[self._rng.choice(len(copies), p=likely / likely.sum())]

    def _crop(self, example: Example) -> Row:
        utterance = example.longest
        assert utterance is not None
        longest = min(len(utterance), self._settings.frames)
        length = longest
        shortest = min(96, longest)
        if self._rng.random() < self._settings.crop_probability:
            length = int(self._rng.integers(shortest, longest + 1))
        length -= length % self._architecture.stride
        start = int(self._rng.integers(0, len(utterance) - length + 1))
        return Row(example, start, length)

    def _padded(self, rows: Sequence[Row]) -> FloatArray:
        """Return the crops, float32 (rows, frames, width), filled up with the mean of all."""
        features = np.empty((len(rows), self._settings.frames, FEATURES.width), np.float32)
        features[:] = self._padding
        for index, row in enumerate(rows):
            utterance = row.example.longest
            assert utterance is not None
            features[index, : row.frames] = utterance[row.start : row.start + row.frames]
        return features

    def _hears_gender(self, example: Example, warp: float) -> bool:
        raised = COPIES_BY_NAME[example.copy].speed - 1.0 - warp
        return tells_gender(
            example.clip, raised, self._settings.gender_from, self._settings.gender_shift
        )

    def _weights(self, frames: int) -> FloatArray:
        """Loss weight of each answer to a crop of ``frames``: a clip counts once in all."""
        answers = self._architecture.answers(self._settings.frames)
        if not self._architecture.is_streaming:
            return np.ones(answers, np.float32)
        length = frames // self._architecture.stride
        weights = np.zeros(answers, np.float32)
        half = length // 2
        weights[half:length] = (1.0 - self._settings.last_step_weight) / (length - half)
        weights[length - 1] += self._settings.last_step_weight
        # Keras averages over batch and answers.
        return weights * answers


def feature_statistics(
    examples: Sequence[Example], features: FeatureSettings
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each feature over the training utterances."""
    stacked = np.concatenate([u for e in examples if e.is_plain for u in e.utterances])
    stacked = as_features(stacked, features)
    return stacked.mean(axis=0), stacked.std(axis=0)
