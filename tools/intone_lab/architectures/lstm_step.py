"""The LSTM model as one step with explicit state, in TensorFlow operations for the converter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from intone_lab.architectures import cells, convert
from intone_lab.architectures.lstm import STRIDE, state_layout


class LstmStep:
    """Callable ``(features, state) -> {emotion, gender, state}`` with a model's weights.

    ``features`` is (batch, block_frames, width), ``state`` (batch, sum of
    :func:`intone_lab.architectures.lstm.state_layout`).
    """

    def __init__(self, model: keras.Model, block_frames: int) -> None:
        self._steps = block_frames // STRIDE
        self._width = int(model.inputs[0].shape[-1])
        self._normalise = convert.normaliser(model)
        self._lstm = model.get_layer("lstm").get_weights()
        (self._attention,) = model.get_layer("running_pool").get_weights()
        self._say = convert.speaker(model)

    def __call__(self, features: tf.Tensor, state: tf.Tensor) -> dict[str, tf.Tensor]:
        """Advance by one block."""
        layout = state_layout(self._width)
        parts = dict(zip(layout, tf.split(state, list(layout.values()), axis=1), strict=True))
        stacked = tf.reshape(self._normalise(features), (-1, self._steps, STRIDE * self._width))
        outputs, (parts["hidden"], parts["cell"]) = cells.run(
            cells.lstm_cell(self._lstm),
            tf.unstack(cells.lstm_inputs(stacked, self._lstm), self._steps, axis=1),
            (parts["hidden"], parts["cell"]),
        )
        pooled = cells.pool_running(outputs, self._attention, parts)
        state = tf.concat([parts[name] for name in layout], axis=1)
        return {**self._say(pooled), "state": state}


def traced(model: keras.Model, block_frames: int) -> Any:
    """Return the step as the converter wants it."""
    width = int(model.inputs[0].shape[-1])
    signature = convert.step_signature(block_frames, width, sum(state_layout(width).values()))
    step = tf.function(LstmStep(model, block_frames), input_signature=signature)
    return step.get_concrete_function()
