"""Four convolution blocks, then two bidirectional GRUs: an utterance model, as published."""

from __future__ import annotations

import keras

from intone_lab.architectures.layers import (
    Array,
    Blank,
    MaskedNormalization,
    StepMask,
    WholePool,
    heads,
    inputs,
)
from intone_lab.architectures.recurrent import Gru

FILTERS = (128, 256, 256, 512)
KERNEL = 3
POOL = 2
UNITS = (256, 128)
"""A direction, of each GRU layer."""
STRIDE = POOL ** len(FILTERS)
"""Feature frames to one GRU step."""


def build(
    width: int, emotions: int, genders: int, mean: Array, std: Array, dropout: float
) -> keras.Model:
    """Return the training model; see :meth:`intone_lab.architectures.Architecture.build`."""
    layers = keras.layers
    features, allowed, frames = inputs(width, emotions)
    x = layers.Normalization(mean=mean, variance=std**2, name="normalise")(features)
    mask = StepMask(1, name="mask0")(x, frames)
    x = Blank()(x, mask)
    for index, filters in enumerate(FILTERS, start=1):
        x = layers.Conv1D(filters, KERNEL, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = MaskedNormalization(name=f"norm{index}")(x, mask=mask)
        x = layers.MaxPooling1D(POOL, name=f"pool{index}")(layers.ReLU()(x))
        mask = StepMask(POOL**index, name=f"mask{index}")(x, frames)
        x = Blank()(layers.Dropout(dropout)(x), mask)
    for index, units in enumerate(UNITS, start=1):
        x = layers.Bidirectional(Gru(units), name=f"bigru{index}")(x, mask=mask)
        x = layers.Dropout(dropout)(x)
    pooled = layers.Dropout(dropout)(WholePool(name="pool")(x, mask))
    return keras.Model([features, allowed, frames], heads(pooled, allowed, emotions, genders))
