"""Convolutions and bidirectional GRUs on a whole utterance, for the converter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from intone_lab.architectures import cells, convert
from intone_lab.architectures.both_ways import both_ways
from intone_lab.architectures.cnn_bigru import FILTERS, POOL, UNITS


class CnnBigruWhole:
    """Callable ``features -> {emotion, gender}`` with a model's weights.

    ``features`` is (1, frames, width), whole blocks; the logits are (1, labels). Batch
    normalisation is folded into the convolutions.
    """

    def __init__(self, model: keras.Model) -> None:
        self._normalise = convert.normaliser(model)
        self._blocks = [convert.folded(model, index + 1) for index in range(len(FILTERS))]
        self._layers = [
            convert.directions(model, f"bigru{index + 1}") for index in range(len(UNITS))
        ]
        (self._attention,) = model.get_layer("pool").get_weights()
        self._say = convert.speaker(model)

    def __call__(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer for one utterance."""
        x = self._normalise(features)
        for kernel, bias in self._blocks:
            x = tf.nn.relu(tf.nn.conv1d(x, kernel, 1, "SAME") + bias)
            x = tf.nn.max_pool1d(x, POOL, POOL, "VALID")
        for weights, units in zip(self._layers, UNITS, strict=True):
            start = (tf.zeros((1, units)),)
            hidden = both_ways(
                (cells.gru_inputs(x, weights[0]), cells.gru_inputs(x, weights[1])),
                (cells.gru_cell(weights[0]), cells.gru_cell(weights[1])),
                (start, start),
                1,
            )
            x = hidden[tf.newaxis]
        return self._say(cells.pool_whole(x[0], self._attention))


def traced(model: keras.Model, block_frames: int) -> Any:  # noqa: ARG001 - as every architecture's
    """Return the whole-utterance function as the converter wants it."""
    signature = convert.whole_signature(int(model.inputs[0].shape[-1]))
    return tf.function(CnnBigruWhole(model), input_signature=signature).get_concrete_function()
