"""The default model: causal convolutions, two GRU layers with a residual, running pooling.

Trained over whole utterances (:func:`build`), run block by block with explicit state
(:mod:`intone_lab.architectures.gru_step`): the same weights, the same answer at the last
block. Attention and mean pooling are carried as running sums, so the answer after every step
is also the answer of the utterance that would end there; the loss asks for all of them.
"""

from __future__ import annotations

import keras

from intone_lab.architectures.layers import Array, RunningPool
from intone_lab.architectures.recurrent import Gru

KERNEL = 5
FILTERS = 128
UNITS = 128
POOL = 2
STRIDE = POOL * POOL
"""Feature frames to one GRU step."""


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
    first = Gru(UNITS, name="gru1")(x)
    second = Gru(UNITS, name="gru2")(layers.Dropout(dropout)(first))
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
