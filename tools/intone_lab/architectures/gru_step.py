"""The GRU model as one step with explicit state, in TensorFlow operations for the converter.

Batch normalisation is folded into the convolutions, which are written as matrix products
over unfolded frames, as are the recurrences: everything heavy becomes FULLY_CONNECTED,
which the runtimes quantise and batch best.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from intone_lab.architectures import convert
from intone_lab.architectures.gru import KERNEL, POOL, STRIDE, UNITS, state_layout
from intone_lab.architectures.layers import ATTENTION_REACH, Array


class GruStep:
    """Callable ``(features, state) -> {emotion, gender, state}`` with a model's weights.

    ``features`` is (batch, block_frames, coefficients), ``state`` (batch, sum of
    :func:`intone_lab.architectures.gru.state_layout`), the same weights as ``model``.
    """

    def __init__(self, model: keras.Model, block_frames: int) -> None:
        self._frames = block_frames
        self._coefficients = int(model.inputs[0].shape[-1])
        self._layout = state_layout(self._coefficients)
        normalise = model.get_layer("normalise")
        self._mean = np.asarray(normalise.mean, np.float32).reshape(-1)
        self._std = np.sqrt(np.asarray(normalise.variance, np.float32)).reshape(-1)
        self._convolutions = [_folded(model, index) for index in (1, 2)]
        self._cells = [model.get_layer(name).get_weights() for name in ("gru1", "gru2")]
        (self._attention,) = model.get_layer("running_pool").get_weights()
        self._heads = {
            "emotion": model.get_layer("emotion_logits").get_weights(),
            "gender": model.get_layer("gender").get_weights(),
        }

    def __call__(self, features: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Advance by one block."""
        lengths = list(self._layout.values())
        parts = dict(zip(self._layout, tf.split(state, lengths, axis=1), strict=True))
        x = (features - self._mean) / self._std
        for index, convolution in enumerate(self._convolutions, start=1):
            frames = self._frames // POOL ** (index - 1)
            x, parts[f"context{index}"] = _convolve(
                x, parts[f"context{index}"], frames, convolution
            )
        steps = self._frames // STRIDE
        first, parts["hidden1"] = _recur(x, parts["hidden1"], steps, self._cells[0])
        inputs = tf.stack(first, axis=1)
        second, parts["hidden2"] = _recur(inputs, parts["hidden2"], steps, self._cells[1])
        pooled = self._pool(first, second, parts)
        said = {name: tf.matmul(pooled, w) + bias for name, (w, bias) in self._heads.items()}
        return {**said, "state": tf.concat([parts[name] for name in self._layout], axis=1)}

    def _pool(
        self, first: list[tf.Tensor], second: list[tf.Tensor], parts: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        """Add the steps to the running sums in ``parts``; return both means so far."""
        for one, two in zip(first, second, strict=True):
            hidden = one + two
            score = ATTENTION_REACH * tf.tanh(tf.matmul(hidden, self._attention))
            weight = tf.exp(score)
            parts["attended"] = parts["attended"] + weight * hidden
            parts["weight"] = parts["weight"] + weight
            parts["summed"] = parts["summed"] + hidden
        parts["steps"] = parts["steps"] + float(len(first))
        attended = parts["attended"] / parts["weight"]
        return tf.concat([attended, parts["summed"] / parts["steps"]], axis=1)


def traced(model: keras.Model, block_frames: int) -> Any:
    """Return the step as the converter wants it."""
    width = int(model.inputs[0].shape[-1])
    signature = convert.step_signature(block_frames, width, sum(state_layout(width).values()))
    step = tf.function(GruStep(model, block_frames), input_signature=signature)
    return step.get_concrete_function()


def _folded(model: keras.Model, index: int) -> tuple[Array, Array]:
    """Return a convolution with its batch normalisation folded in: (kernel x in, out), (out,)."""
    (kernel,) = model.get_layer(f"conv{index}").get_weights()
    norm = model.get_layer(f"norm{index}")
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * scale).reshape(-1, kernel.shape[-1]), beta - mean * scale


def _convolve(
    x: tf.Tensor, context: tf.Tensor, frames: int, weights: tuple[Array, Array]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Convolve, rectify and pool (batch, frames, in); return that and the next block's context."""
    kernel, bias = weights
    width = kernel.shape[0] // KERNEL
    joined = tf.concat([tf.reshape(context, (-1, KERNEL - 1, width)), x], axis=1)
    unfolded = tf.concat([joined[:, k : k + frames] for k in range(KERNEL)], axis=2)
    flat = tf.matmul(tf.reshape(unfolded, (-1, kernel.shape[0])), kernel) + bias
    out = tf.reshape(tf.nn.relu(flat), (-1, frames // POOL, POOL, kernel.shape[1]))
    return tf.reduce_max(out, axis=2), tf.reshape(joined[:, frames:], (-1, (KERNEL - 1) * width))


def _recur(
    x: tf.Tensor, hidden: tf.Tensor, steps: int, weights: list[Array]
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Run ``steps`` of a GRU (Keras's, reset after the product); return its outputs and state."""
    kernel, recurrent, (bias_in, bias_hidden) = weights
    flat = tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel) + bias_in
    inputs = tf.reshape(flat, (-1, steps, 3 * UNITS))
    outputs = []
    for step in range(steps):
        from_input = inputs[:, step]
        from_hidden = tf.matmul(hidden, recurrent) + bias_hidden
        gates = tf.sigmoid(from_input[:, : 2 * UNITS] + from_hidden[:, : 2 * UNITS])
        update, reset = gates[:, :UNITS], gates[:, UNITS:]
        candidate = tf.tanh(from_input[:, 2 * UNITS :] + reset * from_hidden[:, 2 * UNITS :])
        hidden = update * hidden + (1.0 - update) * candidate
        outputs.append(hidden)
    return outputs, hidden
