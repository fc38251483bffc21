"""One training run: a Keras model from examples, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from intone_lab.architectures import ARCHITECTURES, Architecture
from intone_lab.augment import AugmentSettings
from intone_lab.batches import Batches, BatchSettings
from intone_lab.catalogue import GENDERS
from intone_lab.dataset import Example
from intone_lab.epochs import Progress, reseed, run_epoch
from intone_lab.flat import flat_row
from intone_lab.heads.settings import RefitSettings
from intone_lab.optimizer import adamw
from intone_lab.teacher import heads
from intone_lab.teacher.lessons import STEP_FRAMES, Lessons, TeacherSettings


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """A second stretch of training, in more noise (docs/models.md)."""

    epochs: int = 15
    learning_rate: float = 1e-3
    noise_probability: float = 0.75
    snr_db: tuple[float, float] = (0.0, 35.0)
    """These two stand for those of :class:`intone_lab.augment.AugmentSettings`."""


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything that decides a run, besides the data."""

    architecture: str = "gru"
    seed: int = 1
    corpora: tuple[str, ...] = ("ravdess", "crema_d", "emodb", "savee", "tess")
    """What is trained on; other corpora in the folder are listened to at the end, as strangers."""
    epochs: int = 60
    learning_rate: float = 2e-3
    weight_decay: float = 5e-2
    dropout: float = 0.15
    gender_weight: float = 0.5
    """Beside emotion."""
    average_momentum: float = 0.995
    """Weights are averaged over the run (exponentially); the average is what is kept."""
    finish: FinishSettings | None = field(default_factory=FinishSettings)
    """What follows those epochs; nothing where None."""
    refit: RefitSettings | None = field(default_factory=RefitSettings)
    """How the heads are fitted anew once the network is trained; they are left where None."""
    teacher: TeacherSettings | None = field(default_factory=TeacherSettings)
    """What is asked besides the labels; nothing where None."""
    batches: BatchSettings = field(default_factory=BatchSettings)
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)

    def as_row(self) -> dict[str, Any]:
        """Flat settings, for the log of runs."""
        return flat_row(self)


def train(
    examples: Sequence[Example],
    settings: TrainSettings,
    name: str,
    lessons: Lessons | None = None,
) -> keras.Model:
    """Train on every example (the caller holds out who is to be held out), the first stretch.

    ``lessons`` are those of ``examples`` where ``settings`` have a teacher.
    """
    keras.utils.set_random_seed(settings.seed)
    architecture = ARCHITECTURES[settings.architecture]
    batches = Batches(
        examples, architecture, settings.batches, settings.augmentation, settings.seed, lessons
    )
    model = architecture.build(
        len(architecture.emotions), len(GENDERS), batches.mean, batches.std, settings.dropout
    )
    _fit(model, batches, settings, settings.epochs, settings.learning_rate, name)
    return model


def finish(
    model: keras.Model,
    examples: Sequence[Example],
    settings: TrainSettings,
    last: FinishSettings,
    name: str,
    lessons: Lessons | None = None,
) -> None:
    """Train ``model``, which :func:`train` made of ``examples`` and ``settings``, a little more."""
    seed = settings.seed + 1
    keras.utils.set_random_seed(seed)
    reseed(model, seed)
    noisier = replace(
        settings.augmentation, noise_probability=last.noise_probability, snr_db=last.snr_db
    )
    architecture = ARCHITECTURES[settings.architecture]
    batches = Batches(examples, architecture, settings.batches, noisier, seed, lessons)
    _fit(model, batches, settings, last.epochs, last.learning_rate, f"{name}, finish")


def _fit(
    model: keras.Model,
    batches: Batches,
    settings: TrainSettings,
    epochs: int,
    learning_rate: float,
    name: str,
) -> None:
    steps = epochs * len(batches)
    optimizer = adamw(
        learning_rate, settings.weight_decay, steps, steps // 6, settings.average_momentum
    )
    labels = keras.losses.CategoricalCrossentropy(from_logits=True)
    losses = {"emotion": labels, "gender": labels}
    weights = {"emotion": 1.0, "gender": settings.gender_weight}
    if batches.lessons is not None:
        teacher = batches.lessons.settings
        model = _with_heads(model, ARCHITECTURES[settings.architecture], teacher)
        asked = {heads.UTTERANCE: teacher.utterance_weight, heads.FRAME: teacher.frame_weight}
        given = {name: weight for name, weight in asked.items() if name in model.output}
        losses |= dict.fromkeys(given, keras.losses.MeanSquaredError())
        weights = {name: teacher.label_weight * one for name, one in weights.items()} | given
    model.compile(optimizer=optimizer, loss=losses, loss_weights=weights)
    progress = Progress(name, epochs)
    for epoch in range(1, epochs + 1):
        loss = run_epoch(model, batches.draw_epoch())
        print(progress.line(epoch, loss), flush=True)
    optimizer.finalize_variable_values(model.trainable_variables)


def _with_heads(
    model: keras.Model, architecture: Architecture, teacher: TeacherSettings
) -> keras.Model:
    """Return what is trained: ``model``, with what the lessons ask for besides its outputs."""
    if architecture.is_streaming and architecture.stride != STEP_FRAMES:
        raise ValueError(
            f"{architecture.name} steps {architecture.stride} frames, the teacher {STEP_FRAMES}"
        )
    return heads.add(model, teacher.components)
