"""The networks that the lab trains: what each eats, says and costs, by name.

Nothing here imports Keras or TensorFlow until a model is built or exported, so that a
command line can list the names at once.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from intone.core.features import FeatureSettings, LogMelSettings, MfccSettings
from intone.types import FloatArray
from intone_lab.catalogue import EMOTIONS

if TYPE_CHECKING:
    import keras

BLOCK_FRAMES = 16
"""160 ms a step: interims every 500 ms need no finer grid, and a call's cost is shared."""

LONGEST_FRAMES = 1_500
"""15 s, the endpointer's own longest: what an utterance model was measured up to."""

SEVEN_EMOTIONS = tuple(name for name in EMOTIONS if name != "calm")
"""What TESS and SAVEE hold."""

SIX_EMOTIONS = tuple(name for name in SEVEN_EMOTIONS if name != "surprised")
"""What CREMA-D holds, and most corpora share."""

Kind = Literal["streaming", "utterance"]
"""How it is served, by the entry point's name: an answer a block, or one at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a model's card says of it, however it was trained."""

    name: str
    kind: Kind
    description: str
    """One sentence for the card."""
    features: FeatureSettings = field(default_factory=MfccSettings)
    emotions: tuple[str, ...] = EMOTIONS
    """The labels that it ships with."""
    longest_frames: int = LONGEST_FRAMES
    """Of an utterance, if it answers at the end."""
    interims: str | None = None
    """Whose answers are told while an utterance runs, if it answers at the end."""
    others_weights: tuple[str, ...] = ()
    """Whose weights are in it besides ours, each with its licence."""

    @property
    def is_streaming(self) -> bool:
        """Whether it answers after every step, not only at the end."""
        return self.kind == "streaming"

    @property
    def state_size(self) -> int:
        """Length of the state vector between two blocks; 0 for an utterance model."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture(Served):
    """One network: how it is built, trained and exported, whatever the labels, and their number."""

    module: str
    """In this package: ``STRIDE`` and ``build``."""
    export_module: str
    """In this package: ``traced``, what the converter is given."""

    @property
    def stride(self) -> int:
        """Feature frames to one inner step; crops are best a multiple of it long."""
        stride: int = self._load(self.module).STRIDE
        return stride

    @property
    def state_size(self) -> int:
        """Length of the state vector between two blocks; 0 for an utterance model."""
        if not self.is_streaming:
            return 0
        return sum(self._load(self.module).state_layout(self.features.width).values())

    def answers(self, frames: int) -> int:
        """Length of the outputs' second axis for inputs of ``frames``: what targets repeat to."""
        return frames // self.stride if self.is_streaming else 1

    def build(
        self, emotions: int, genders: int, mean: FloatArray, std: FloatArray, dropout: float
    ) -> keras.Model:
        """Return the training model for so many labels; backend-neutral Keras.

        ``mean`` and ``std`` are float32 (features.width,), of the training frames.

        Inputs, by name: ``features`` float32 (batch, frames, width); ``allowed`` float32
        (batch, emotions), 0 for classes a clip's corpus has and a large negative number for
        others; of an utterance model also ``frames`` int32 (batch,), the true length of each
        row: what lies behind it does not change the answer. A streaming model takes no
        ``frames``: its answer at a step does not depend on what follows. (Keras ignores a
        ``frames`` that it did not ask for, so callers may always give it.)
        Outputs: ``emotion`` (batch, answers, emotions) and ``gender`` (batch, answers,
        genders) logits, ``answers`` as :meth:`answers` says.
        """
        model: keras.Model = self._load(self.module).build(
            self.features.width, emotions, genders, mean, std, dropout
        )
        return model

    def to_tflite(self, model: keras.Model, *, quantised: bool) -> bytes:
        """Return what the server loads: int8 weights, or float32 throughout. Needs TensorFlow."""
        from intone_lab.architectures import convert

        traced = self._load(self.export_module).traced(model, BLOCK_FRAMES)
        return convert.to_tflite(traced, quantised=quantised)

    @staticmethod
    def _load(module: str) -> Any:
        return importlib.import_module(f"{__name__}.{module}")


_ALL = (
    Architecture(
        name="gru",
        kind="streaming",
        description=(
            "Two causal convolutions, two GRU layers of 128 units with a residual, "
            "running attention and mean pooling; int8 weights, float32 activations."
        ),
        module="gru",
        export_module="gru_step",
    ),
    Architecture(
        name="lstm",
        kind="streaming",
        description=(
            "One LSTM layer of 256 units on four frames at a time, running attention and "
            "mean pooling; int8 weights, float32 activations."
        ),
        module="lstm",
        export_module="lstm_step",
        emotions=SEVEN_EMOTIONS,
    ),
    Architecture(
        name="bilstm",
        kind="utterance",
        description=(
            "Two bidirectional LSTM layers of 128 units a direction on four frames at a time, "
            "attention and mean pooling; int8 weights, float32 activations."
        ),
        module="bilstm",
        export_module="bilstm_whole",
        emotions=SIX_EMOTIONS,
    ),
    Architecture(
        name="cnn",
        kind="utterance",
        description=(
            "Four two-dimensional convolution blocks (16, 32, 64 and 128 filters) on log-mel "
            "energies, attention and mean pooling; int8 weights, float32 activations."
        ),
        module="cnn",
        export_module="cnn_whole",
        features=LogMelSettings(),
    ),
    Architecture(
        name="cnn-bigru",
        kind="utterance",
        description=(
            "Four convolution blocks (128, 256, 256 and 512 filters), bidirectional GRU layers "
            "of 256 and 128 units a direction; int8 weights, float32 activations."
        ),
        module="cnn_bigru",
        export_module="cnn_bigru_whole",
    ),
)

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType({one.name: one for one in _ALL})
"""Every architecture, by the name its model ships under."""


def save_model(model: keras.Model, path: Path) -> None:
    """Write ``model`` to ``path`` (``….keras``), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name("partial-" + path.name)
    with warnings.catch_warnings():
        # Keras 3.15 and TensorFlow 2.21, the newest, hand numpy 2 each variable by an __array__
        # of numpy 1's shape; Keras does so inside, where nothing of ours can convert before it.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(partial)
    partial.replace(path)


def load_model(path: Path) -> keras.Model:
    """Return a model that was saved; Keras alone does not know the layers that are ours."""
    import keras

    for name in ("layers", "recurrent"):
        importlib.import_module(f"{__name__}.{name}")
    model: keras.Model = keras.models.load_model(path)
    return model
