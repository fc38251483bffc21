"""Layers that several architectures share; backend-neutral."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ATTENTION_REACH = 4.0
"""Attention scores stay within ±4, so that their running sum cannot overflow or need a maximum."""


@keras.saving.register_keras_serializable("intone")
class RunningPool(keras.layers.Layer):  # type: ignore[misc]
    """Attention and mean pooling over all steps so far: (batch, steps, u) to (batch, steps, 2u)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the attention vector."""
        self.attention = self.add_weight(shape=(input_shape[-1], 1), name="attention")

    def call(self, hidden: Any) -> Any:
        """Return the pooled answer at every step."""
        ops = keras.ops
        score = ATTENTION_REACH * ops.tanh(ops.matmul(hidden, self.attention))
        weight = ops.exp(score)
        # Running sums as a product with a triangle of ones, several times as quick to train with.
        steps = ops.arange(1, ops.shape(hidden)[1] + 1, dtype=hidden.dtype)
        up_to = ops.cast(steps[None, :] <= steps[:, None], hidden.dtype)
        sums = ops.matmul(up_to, ops.concatenate([weight * hidden, weight, hidden], axis=-1))
        units = hidden.shape[-1]
        attended = sums[:, :, :units] / sums[:, :, units : units + 1]
        return ops.concatenate([attended, sums[:, :, units + 1 :] / steps[:, None]], axis=-1)


@keras.saving.register_keras_serializable("intone")
class WholePool(keras.layers.Layer):  # type: ignore[misc]
    """Attention and mean pooling over the steps that ``mask`` marks.

    float32 (batch, steps, u) and bool (batch, steps) to (batch, 1, 2u): one answer.
    """

    def build(
        self,
        hidden_shape: tuple[int | None, ...],
        mask_shape: tuple[int | None, ...] | None = None,  # noqa: ARG002 - Keras wants one a tensor
    ) -> None:
        """Make the attention vector."""
        self.attention = self.add_weight(shape=(hidden_shape[-1], 1), name="attention")

    def call(self, hidden: Any, mask: Any) -> Any:
        """Return the pooled steps."""
        ops = keras.ops
        is_there = ops.cast(mask, hidden.dtype)[:, :, None]
        score = ATTENTION_REACH * ops.tanh(ops.matmul(hidden, self.attention))
        weight = ops.exp(score) * is_there
        attended = ops.sum(weight * hidden, axis=1, keepdims=True) / ops.sum(
            weight, axis=1, keepdims=True
        )
        mean = ops.sum(is_there * hidden, axis=1, keepdims=True) / ops.sum(
            is_there, axis=1, keepdims=True
        )
        return ops.concatenate([attended, mean], axis=-1)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: what comes out has no steps any more."""


def pool_of(model: keras.Model) -> keras.layers.Layer:
    """Return the layer whose output the heads are given."""
    return next(one for one in model.layers if isinstance(one, (RunningPool, WholePool)))


@keras.saving.register_keras_serializable("intone")
class MaskedNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation whose statistics leave out what ``mask`` does not mark.

    It hands no mask on: the layers behind it pool, and the mask of what is left is made anew.
    """

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None, always."""


@keras.saving.register_keras_serializable("intone")
class StackFrames(keras.layers.Layer):  # type: ignore[misc]
    """Side by side frames: (batch, frames, width) to (batch, frames / count, count x width).

    A recurrent step then covers ``count`` frames and the network costs a ``count``-th.
    Frames at the end that fill no stack are left out.
    """

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def call(self, features: Any) -> Any:
        """Return the stacked frames."""
        frames = keras.ops.shape(features)[1] // self.count
        whole = features[:, : frames * self.count]
        return keras.ops.reshape(whole, (-1, frames, self.count * features.shape[-1]))

    def get_config(self) -> dict[str, Any]:
        """What a saved model remembers."""
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("intone")
class StepMask(keras.layers.Layer):  # type: ignore[misc]
    """Which inner steps are of the utterance: (batch, steps, …) and lengths to bool (batch, steps).

    ``stride`` is frames a step; a step counts where all of its frames are the utterance's.
    """

    def __init__(self, stride: int, **options: Any) -> None:
        super().__init__(**options)
        self.stride = stride

    def call(self, steps: Any, frames: Any) -> Any:
        """``frames`` is int32 (batch,)."""
        positions = keras.ops.arange(keras.ops.shape(steps)[1], dtype="int32")
        return positions[None, :] < (frames // self.stride)[:, None]

    def get_config(self) -> dict[str, Any]:
        """What a saved model remembers."""
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable("intone")
class Blank(keras.layers.Layer):  # type: ignore[misc]
    """Zero the steps that ``mask`` does not mark: what a convolution pads with."""

    def call(self, steps: Any, mask: Any) -> Any:
        """``steps`` is (batch, steps, …), ``mask`` bool (batch, steps)."""
        wide = keras.ops.reshape(mask, (*keras.ops.shape(mask), *(1,) * (len(steps.shape) - 2)))
        return steps * keras.ops.cast(wide, steps.dtype)


def inputs(width: int, emotions: int) -> tuple[Any, Any, Any]:
    """Return the inputs ``features``, ``allowed`` and ``frames``: see ``Architecture.build``."""
    return (
        keras.Input((None, width), name="features"),
        keras.Input((emotions,), name="allowed"),
        keras.Input((), dtype="int32", name="frames"),
    )


def heads(pooled: Any, allowed: Any, emotions: int, genders: int) -> dict[str, Any]:
    """Return the two outputs: logits of (batch, answers, 2u), emotions masked by ``allowed``."""
    layers = keras.layers
    emotion = layers.Dense(emotions, name="emotion_logits")(pooled)
    emotion = layers.Add(name="emotion")([emotion, layers.Reshape((1, emotions))(allowed)])
    return {"emotion": emotion, "gender": layers.Dense(genders, name="gender")(pooled)}
