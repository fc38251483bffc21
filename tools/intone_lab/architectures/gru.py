"""The default model: causal convolutions, two GRU layers with a residual, running pooling.

Trained over whole utterances (:func:`build`), run block by block with explicit state
(:func:`make_step`): the same weights, the same answer at the last block. Attention and mean
pooling are carried as running sums, so the answer after every step is also the answer of
the utterance that would end there; the loss asks for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

KERNEL = 5
FILTERS = 128
UNITS = 128
POOL = 2
STRIDE = POOL * POOL
"""Feature frames to one GRU step."""
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
        attended = ops.cumsum(weight * hidden, axis=1) / ops.cumsum(weight, axis=1)
        steps = ops.cumsum(ops.ones_like(weight), axis=1)
        return ops.concatenate([attended, ops.cumsum(hidden, axis=1) / steps], axis=-1)


def build(
    coefficients: int, emotions: int, genders: int, mean: Array, std: Array, dropout: float
) -> keras.Model:
    """Return the training model.

    Inputs: ``features`` float32 (batch, frames, coefficients), ``allowed`` float32
    (batch, emotions), 0 for the classes a clip's corpus has and a large negative number for
    the others. Outputs: ``emotion`` (batch, steps, emotions) and ``gender``
    (batch, steps, genders) logits after every :data:`STRIDE` frames.
    """
    layers = keras.layers
    features = keras.Input((None, coefficients), name="features")
    allowed = keras.Input((emotions,), name="allowed")
    x = layers.Normalization(mean=mean, variance=std**2, name="normalise")(features)
    for index in (1, 2):
        x = layers.Conv1D(FILTERS, KERNEL, padding="causal", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(name=f"norm{index}")(x)
        x = layers.MaxPooling1D(POOL, name=f"pool{index}")(layers.ReLU()(x))
        x = layers.Dropout(dropout)(x)
    first = layers.GRU(UNITS, return_sequences=True, name="gru1")(x)
    second = layers.GRU(UNITS, return_sequences=True, name="gru2")(layers.Dropout(dropout)(first))
    pooled = RunningPool(name="running_pool")(layers.Add()([first, second]))
    pooled = layers.Dropout(dropout)(pooled)
    emotion = layers.Dense(emotions, name="emotion_logits")(pooled)
    emotion = layers.Add(name="emotion")([emotion, layers.Reshape((1, emotions))(allowed)])
    gender = layers.Dense(genders, name="gender")(pooled)
    return keras.Model([features, allowed], {"emotion": emotion, "gender": gender})


def state_layout(coefficients: int) -> dict[str, int]:
    """Name and length of each part of the state vector, in order."""
    return {
        "context1": (KERNEL - 1) * coefficients,
        "context2": (KERNEL - 1) * FILTERS,
        "hidden1": UNITS,
        "hidden2": UNITS,
        "attended": UNITS,
        "summed": UNITS,
        "weight": 1,
        "steps": 1,
    }


def _folded(model: keras.Model, index: int) -> tuple[Array, Array]:
    """Return a convolution with its batch normalisation folded in: (kernel · in, out), (out,)."""
    (kernel,) = model.get_layer(f"conv{index}").get_weights()
    norm = model.get_layer(f"norm{index}")
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * scale).reshape(-1, kernel.shape[-1]), beta - mean * scale


def make_step(model: keras.Model, block_frames: int) -> Callable[[Any, Any], dict[str, Any]]:
    """Return ``(features, state) -> {emotion, gender, state}`` in TensorFlow operations.

    ``features`` is (batch, block_frames, coefficients), ``state`` (batch, sum of
    :func:`state_layout`); the same weights as ``model``, as constants.
    """
    import tensorflow as tf

    normalise = model.get_layer("normalise")
    coefficients = int(model.inputs[0].shape[-1])
    mean, std = (np.asarray(v, "f4").reshape(-1) for v in (normalise.mean, normalise.variance**0.5))
    convolutions = [_folded(model, 1), _folded(model, 2)]
    cells = [model.get_layer(f"gru{index}").get_weights() for index in (1, 2)]
    (attention,) = model.get_layer("running_pool").get_weights()
    heads = [model.get_layer(name).get_weights() for name in ("emotion_logits", "gender")]
    layout = state_layout(coefficients)

    def convolve(x: Any, context: Any, frames: int, weights: tuple[Array, Array]) -> Any:
        kernel, bias = weights
        joined = tf.concat([context, x], axis=1)
        unfolded = tf.concat([joined[:, k : k + frames] for k in range(KERNEL)], axis=2)
        flat = tf.matmul(tf.reshape(unfolded, (-1, kernel.shape[0])), kernel) + bias
        out = tf.reshape(tf.nn.relu(flat), (-1, frames // POOL, POOL, kernel.shape[1]))
        return tf.reduce_max(out, axis=2), joined[:, frames:]

    def recur(x: Any, hidden: Any, steps: int, weights: list[Array]) -> tuple[list[Any], Any]:
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

    def step(features: Any, state: Any) -> dict[str, Any]:
        parts = dict(zip(layout, tf.split(state, list(layout.values()), axis=1), strict=True))
        x = (features - mean) / std
        context = tf.reshape(parts["context1"], (-1, KERNEL - 1, coefficients))
        x, context1 = convolve(x, context, block_frames, convolutions[0])
        context = tf.reshape(parts["context2"], (-1, KERNEL - 1, FILTERS))
        x, context2 = convolve(x, context, block_frames // POOL, convolutions[1])
        steps = block_frames // STRIDE
        first, hidden1 = recur(x, parts["hidden1"], steps, cells[0])
        second, hidden2 = recur(tf.stack(first, axis=1), parts["hidden2"], steps, cells[1])
        attended, summed, weight = parts["attended"], parts["summed"], parts["weight"]
        for one, two in zip(first, second, strict=True):
            hidden = one + two
            share = tf.exp(ATTENTION_REACH * tf.tanh(tf.matmul(hidden, attention)))
            attended, summed, weight = attended + share * hidden, summed + hidden, weight + share
        count = parts["steps"] + float(steps)
        pooled = tf.concat([attended / weight, summed / count], axis=1)
        (emotion_kernel, emotion_bias), (gender_kernel, gender_bias) = heads
        flat_contexts = [
            tf.reshape(context1, (-1, layout["context1"])),
            tf.reshape(context2, (-1, layout["context2"])),
        ]
        return {
            "emotion": tf.matmul(pooled, emotion_kernel) + emotion_bias,
            "gender": tf.matmul(pooled, gender_kernel) + gender_bias,
            "state": tf.concat(
                [*flat_contexts, hidden1, hidden2, attended, summed, weight, count], axis=1
            ),
        }

    return step
