"""The bidirectional LSTMs on a whole utterance, in TensorFlow operations for the converter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from intone_lab.architectures import cells, convert
from intone_lab.architectures.bilstm import STRIDE, UNITS
from intone_lab.architectures.both_ways import both_ways


class BilstmWhole:
    """Callable ``features -> {emotion, gender}`` with a model's weights.

    ``features`` is (1, frames, width), whole blocks; the logits are (1, labels).
    """

    def __init__(self, model: keras.Model, block_frames: int) -> None:
        self._steps_a_block = block_frames // STRIDE
        self._width = int(model.inputs[0].shape[-1])
        self._normalise = convert.normaliser(model)
        self._layers = [convert.directions(model, f"bilstm{index}") for index in (1, 2)]
        (self._attention,) = model.get_layer("pool").get_weights()
        self._say = convert.speaker(model)

    def __call__(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer for one utterance."""
        x = tf.reshape(self._normalise(features), (1, -1, STRIDE * self._width))
        zero = tf.zeros((1, UNITS))
        for weights in self._layers:
            hidden = both_ways(
                (cells.lstm_inputs(x, weights[0]), cells.lstm_inputs(x, weights[1])),
                (cells.lstm_cell(weights[0]), cells.lstm_cell(weights[1])),
                ((zero, zero), (zero, zero)),
                self._steps_a_block,
            )
            x = hidden[tf.newaxis]
        return self._say(cells.pool_whole(x[0], self._attention))


def traced(model: keras.Model, block_frames: int) -> Any:
    """Return the whole-utterance function as the converter wants it."""
    signature = convert.whole_signature(int(model.inputs[0].shape[-1]))
    whole = tf.function(BilstmWhole(model, block_frames), input_signature=signature)
    return whole.get_concrete_function()
