"""One LSTM on stacked frames, running pooling: a streaming model after the published ones."""

from __future__ import annotations

import keras

from intone_lab.architectures.layers import Array, RunningPool, StackFrames, heads, inputs
from intone_lab.architectures.recurrent import Lstm

UNITS = 256
STRIDE = 4
"""Feature frames to one LSTM step."""


def build(
    width: int, emotions: int, genders: int, mean: Array, std: Array, dropout: float
) -> keras.Model:
    """Return the training model; see :meth:`intone_lab.architectures.Architecture.build`."""
    layers = keras.layers
    features, allowed, _ = inputs(width, emotions)
    x = layers.Normalization(mean=mean, variance=std**2, name="normalise")(features)
    x = layers.Dropout(dropout)(StackFrames(STRIDE, name="stack")(x))
    hidden = Lstm(UNITS, name="lstm")(x)
    pooled = layers.Dropout(dropout)(RunningPool(name="running_pool")(hidden))
    return keras.Model([features, allowed], heads(pooled, allowed, emotions, genders))


def state_layout(width: int) -> dict[str, int]:  # noqa: ARG001 - asked of every architecture
    """Name and length of each part of the state vector, in order."""
    return {
        "hidden": UNITS,
        "cell": UNITS,
        "attended": UNITS,
        "summed": UNITS,
        "weight": 1,
        "steps": 1,
    }
