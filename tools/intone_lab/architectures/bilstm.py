"""Two stacked bidirectional LSTMs on stacked frames: an utterance model."""

from __future__ import annotations

import keras

from intone_lab.architectures.layers import (
    Array,
    StackFrames,
    StepMask,
    WholePool,
    heads,
    inputs,
)
from intone_lab.architectures.recurrent import Lstm

UNITS = 128
"""A direction."""
STRIDE = 4
"""Feature frames to one LSTM step."""


def build(
    width: int, emotions: int, genders: int, mean: Array, std: Array, dropout: float
) -> keras.Model:
    """Return the training model; see :meth:`intone_lab.architectures.Architecture.build`."""
    layers = keras.layers
    features, allowed, frames = inputs(width, emotions)
    x = layers.Normalization(mean=mean, variance=std**2, name="normalise")(features)
    x = StackFrames(STRIDE, name="stack")(x)
    mask = StepMask(STRIDE, name="mask")(x, frames)
    for index in (1, 2):
        both = layers.Bidirectional(Lstm(UNITS), name=f"bilstm{index}")
        x = both(layers.Dropout(dropout)(x), mask=mask)
    pooled = layers.Dropout(dropout)(WholePool(name="pool")(x, mask))
    return keras.Model([features, allowed, frames], heads(pooled, allowed, emotions, genders))
