"""One training run: a Keras model from examples, the same for the same seed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from intone_lab.architectures import ARCHITECTURES, Architecture
from intone_lab.augment import AugmentSettings
from intone_lab.batches import Batches, BatchSettings
from intone_lab.catalogue import GENDERS
from intone_lab.corpora import emotions_present
from intone_lab.dataset import Example
from intone_lab.flat import flat_row
from intone_lab.kept_memory import keep_freed
from intone_lab.optimizer import adamw
from intone_lab.teacher import heads
from intone_lab.teacher.lessons import STEP_FRAMES, Lessons, TeacherSettings


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """A second stretch of training: noisier, and what a corpus lacks is a wrong answer there, too.

    Masked out, *calm* and *surprised* were said of clips of corpora that have neither: nothing
    had ever told the network that they are not. CREMA-D is left out of this: the copy that the
    settings were chosen with has two of its six emotions, and the network would learn that who
    sounds like its microphones is happy or sad (docs/models.md).
    """

    epochs: int = 15
    learning_rate: float = 1e-3
    noise_probability: float = 0.75
    snr_db: tuple[float, float] = (0.0, 35.0)
    """These two stand for those of :class:`intone_lab.augment.AugmentSettings`."""
    absent: Mapping[str, float] = field(
        default_factory=lambda: {"emodb": -3.0, "savee": -3.0, "tess": -3.0}
    )
    """See :class:`intone_lab.batches.BatchSettings`."""


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
    average_momentum: float = 0.995
    """Weights are averaged over the run (exponentially); the average is what is kept."""
    offsets: Mapping[str, float] = field(default_factory=lambda: {"calm": -1.0})
    """Added to the logits of labels that a corpus lacks, once trained.

    RAVDESS alone has *calm*. No clip of another corpus says that it is not calm before the
    finish, and none of CREMA-D's then (see :data:`intone_lab.targets.ABSENT`): the trained network
    says it too often of all others.
    """
    finish: FinishSettings | None = field(default_factory=FinishSettings)
    """What follows those epochs; nothing where None."""
    teacher: TeacherSettings | None = field(default_factory=TeacherSettings)
    """What is asked besides the labels; nothing where None."""
    batches: BatchSettings = field(default_factory=BatchSettings)
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)

    def as_row(self) -> dict[str, Any]:
        """Flat settings, for the log of runs."""
        return flat_row(self)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A line an epoch: how far, how long still, the loss."""

    def __init__(self, name: str, epochs: int) -> None:
        super().__init__()
        self._name, self._epochs, self._started_s = name, epochs, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        done = epoch + 1
        spent_s = time.monotonic() - self._started_s
        left_s = spent_s / done * (self._epochs - done)
        loss = (logs or {}).get("loss", float("nan"))
        print(
            f"{self._name}: epoch {done}/{self._epochs}, loss {loss:.3f}, "
            f"{spent_s:.0f} s, about {left_s:.0f} s to go",
            flush=True,
        )


class _KeepsMemory(keras.callbacks.Callback):  # type: ignore[misc]
    """See :func:`keep_freed`; TensorFlow undoes it as it takes the first batch."""

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        if batch == 0:
            keep_freed()


def train(
    examples: Sequence[Example],
    settings: TrainSettings,
    name: str,
    lessons: Lessons | None = None,
) -> keras.Model:
    """Train on every example (the caller holds out who is to be held out), without the finish.

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
    taught = model if lessons is None else _with_heads(model, architecture, lessons.settings)
    _fit(taught, batches, settings, settings.epochs, settings.learning_rate, name)
    offset_logits(model, architecture, examples, settings.offsets)
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
    architecture = ARCHITECTURES[settings.architecture]
    asked = replace(settings.batches, absent=last.absent)
    noisier = replace(
        settings.augmentation, noise_probability=last.noise_probability, snr_db=last.snr_db
    )
    batches = Batches(examples, architecture, asked, noisier, seed, lessons)
    taken_back = {label: -by for label, by in settings.offsets.items()}
    offset_logits(model, architecture, examples, taken_back)
    taught = model if lessons is None else _with_heads(model, architecture, lessons.settings)
    _fit(taught, batches, settings, last.epochs, last.learning_rate, f"{name}, finish")
    offset_logits(model, architecture, examples, settings.offsets)


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
    if settings.teacher is not None:
        asked = {
            heads.UTTERANCE: settings.teacher.utterance_weight,
            heads.FRAME: settings.teacher.frame_weight,
        }
        given = {name: weight for name, weight in asked.items() if name in model.output}
        losses |= dict.fromkeys(given, keras.losses.MeanSquaredError())
        weights |= given
    model.compile(optimizer=optimizer, loss=losses, loss_weights=weights)
    model.fit(
        batches, epochs=epochs, verbose=0, callbacks=[_KeepsMemory(), _Progress(name, epochs)]
    )


def _with_heads(
    model: keras.Model, architecture: Architecture, teacher: TeacherSettings
) -> keras.Model:
    """Return what is trained: ``model``, with what the lessons ask for besides its outputs."""
    if architecture.is_streaming and architecture.stride != STEP_FRAMES:
        raise ValueError(
            f"{architecture.name} steps {architecture.stride} frames, the teacher {STEP_FRAMES}"
        )
    return heads.add(model, teacher.components)


def offset_logits(
    model: keras.Model,
    architecture: Architecture,
    examples: Sequence[Example],
    offsets: Mapping[str, float],
) -> None:
    """Add ``offsets`` to the logits, each where a corpus of ``examples`` lacks its label.

    Where every corpus has it, it was learnt against the others and is left as it is.
    """
    present = emotions_present({example.clip for example in examples}).values()
    lacked = {label for label in architecture.emotions if any(label not in has for has in present)}
    layer = model.get_layer("emotion_logits")
    kernel, bias = layer.get_weights()
    for index, label in enumerate(architecture.emotions):
        if label in lacked:
            bias[index] += offsets.get(label, 0.0)
    layer.set_weights([kernel, bias])
