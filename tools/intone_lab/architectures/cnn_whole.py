"""The two-dimensional CNN on a whole utterance, in TensorFlow operations for the converter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from intone_lab.architectures import cells, convert
from intone_lab.architectures.cnn import FILTERS, POOL


class CnnWhole:
    """Callable ``features -> {emotion, gender}`` with a model's weights.

    ``features`` is (1, frames, width), whole blocks; the logits are (1, labels). Batch
    normalisation comes after the pooling, where a negative scale cannot be moved into the
    convolution before it.
    """

    def __init__(self, model: keras.Model) -> None:
        self._normalise = convert.normaliser(model)
        self._blocks = [
            (*model.get_layer(f"conv{index}").get_weights(), *convert.affine(model, index))
            for index in range(1, len(FILTERS) + 1)
        ]
        (self._attention,) = model.get_layer("pool").get_weights()
        self._say = convert.speaker(model)

    def __call__(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer for one utterance."""
        x = self._normalise(features)[..., tf.newaxis]
        for kernel, scale, shift in self._blocks:
            x = tf.nn.max_pool2d(tf.nn.conv2d(x, kernel, 1, "SAME"), POOL, POOL, "VALID")
            x = tf.nn.relu(x * scale + shift)
        columns = tf.reshape(x, (-1, x.shape[2] * x.shape[3]))
        return self._say(cells.pool_whole(columns, self._attention))


def traced(model: keras.Model, block_frames: int) -> Any:  # noqa: ARG001 - as every architecture's
    """Return the whole-utterance function as the converter wants it."""
    signature = convert.whole_signature(int(model.inputs[0].shape[-1]))
    return tf.function(CnnWhole(model), input_signature=signature).get_concrete_function()
