"""The GRU model as one step with explicit state, in TensorFlow operations for the converter.

Batch normalisation is folded into the convolutions, which are written as matrix products
over unfolded frames, as are the recurrences: everything heavy becomes FULLY_CONNECTED,
which the runtimes quantise and batch best.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from intone_lab.architectures import cells, convert
from intone_lab.architectures.gru import KERNEL, POOL, STRIDE, state_layout
from intone_lab.architectures.layers import Array


class GruStep:
    """Callable ``(features, state) -> {emotion, gender, state}`` with a model's weights.

    ``features`` is (batch, block_frames, width), ``state`` (batch, sum of
    :func:`intone_lab.architectures.gru.state_layout`), the same weights as ``model``.
    """

    def __init__(self, model: keras.Model, block_frames: int) -> None:
        self._frames = block_frames
        self._layout = state_layout(int(model.inputs[0].shape[-1]))
        self._normalise = convert.normaliser(model)
        self._convolutions = [convert.folded(model, index) for index in (1, 2)]
        self._layers = [model.get_layer(name).get_weights() for name in ("gru1", "gru2")]
        (self._attention,) = model.get_layer("running_pool").get_weights()
        self._say = convert.speaker(model)

    def __call__(self, features: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Advance by one block."""
        lengths = list(self._layout.values())
        parts = dict(zip(self._layout, tf.split(state, lengths, axis=1), strict=True))
        x = self._normalise(features)
        for index, convolution in enumerate(self._convolutions, start=1):
            frames = self._frames // POOL ** (index - 1)
            x, parts[f"context{index}"] = _convolve(
                x, parts[f"context{index}"], frames, convolution
            )
        steps = self._frames // STRIDE
        first, parts["hidden1"] = _recur(x, parts["hidden1"], steps, self._layers[0])
        inputs = tf.stack(first, axis=1)
        second, parts["hidden2"] = _recur(inputs, parts["hidden2"], steps, self._layers[1])
        hidden = [one + two for one, two in zip(first, second, strict=True)]
        pooled = cells.pool_running(hidden, self._attention, parts)
        state = tf.concat([parts[name] for name in self._layout], axis=1)
        return {**self._say(pooled), "state": state}


def traced(model: keras.Model, block_frames: int) -> Any:
    """Return the step as the converter wants it."""
    width = int(model.inputs[0].shape[-1])
    signature = convert.step_signature(block_frames, width, sum(state_layout(width).values()))
    step = tf.function(GruStep(model, block_frames), input_signature=signature)
    return step.get_concrete_function()


def _convolve(
    x: tf.Tensor, context: tf.Tensor, frames: int, weights: tuple[Array, Array]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Convolve, rectify and pool (batch, frames, in); return that and the next block's context."""
    kernel, bias = weights
    _, width, filters = kernel.shape
    joined = tf.concat([tf.reshape(context, (-1, KERNEL - 1, width)), x], axis=1)
    unfolded = tf.concat([joined[:, k : k + frames] for k in range(KERNEL)], axis=2)
    flat = tf.matmul(
        tf.reshape(unfolded, (-1, KERNEL * width)), kernel.reshape(KERNEL * width, filters)
    )
    out = tf.reshape(tf.nn.relu(flat + bias), (-1, frames // POOL, POOL, filters))
    return tf.reduce_max(out, axis=2), tf.reshape(joined[:, frames:], (-1, (KERNEL - 1) * width))


def _recur(
    x: tf.Tensor, hidden: tf.Tensor, steps: int, weights: list[Array]
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Run ``steps`` of a GRU layer over (batch, steps, in); return its outputs and state."""
    inputs = tf.unstack(cells.gru_inputs(x, weights), steps, axis=1)
    outputs, (hidden,) = cells.run(cells.gru_cell(weights), inputs, (hidden,))
    return outputs, hidden
