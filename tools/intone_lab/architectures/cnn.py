"""Two-dimensional convolutions on the log-mel picture of an utterance: an utterance model."""

from __future__ import annotations

from typing import Any

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

FILTERS = (16, 32, 64, 128)
KERNEL = 3
POOL = 2
STRIDE = POOL ** len(FILTERS)
"""Feature frames to one column of the last picture."""


def build(
    width: int, emotions: int, genders: int, mean: Array, std: Array, dropout: float
) -> keras.Model:
    """Return the training model; see :meth:`intone_lab.architectures.Architecture.build`."""
    layers = keras.layers
    features, allowed, frames = inputs(width, emotions)
    x = layers.Normalization(mean=mean, variance=std**2, name="normalise")(features)
    mask = StepMask(1, name="mask0")(x, frames)
    x = layers.Reshape((-1, width, 1))(Blank()(x, mask))
    for index, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(filters, KERNEL, padding="same", use_bias=False, name=f"conv{index}")(x)
        # Pooled first: with statistics of a quarter of the values a step of training takes half
        # as long, and the next block sees the same maxima, moved and scaled.
        x = layers.MaxPooling2D(POOL, name=f"pool{index}")(x)
        mask = StepMask(POOL**index, name=f"mask{index}")(x, frames)
        x = MaskedNormalization(name=f"norm{index}")(x, mask=_over_bands(x, mask))
        x = Blank()(layers.SpatialDropout2D(dropout)(layers.ReLU()(x)), mask)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
    pooled = layers.Dropout(dropout)(WholePool(name="pool")(x, mask))
    return keras.Model([features, allowed, frames], heads(pooled, allowed, emotions, genders))


def _over_bands(picture: Any, mask: Any) -> Any:
    """(batch, steps) to (batch, steps, bands): the statistics count each band of a step."""
    return keras.ops.repeat(mask[:, :, None], picture.shape[2], axis=2)
