"""The recurrent layers that train: Keras's answers and gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from intone_lab.architectures import load_model, save_model
from intone_lab.architectures.recurrent import Gru, Lstm

THEIRS = {Gru: keras.layers.GRU, Lstm: keras.layers.LSTM}


def _answers(layer: Any, steps: Any, mask: Any) -> list[Any]:
    """Return the outputs and the gradients of a sum that weighs each of them otherwise."""
    outer = layer.forward_layer if isinstance(layer, keras.layers.Bidirectional) else layer
    with tf.GradientTape() as tape:
        tape.watch(steps)
        out = layer(steps, mask=mask)
        weights = tf.random.stateless_normal(tf.shape(out), seed=(3, 4))
        asked = tf.reduce_sum(tf.sin(out) * weights)
    assert outer.built
    return [out, *tape.gradient(asked, [steps, *layer.trainable_weights])]


@pytest.mark.parametrize("kind", THEIRS)
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("lengths", [None, (17, 9, 1)])
@pytest.mark.parametrize("both_ways", [False, True])
def test_answers_and_gradients_are_those_of_keras(
    kind: Any, zeros: bool, lengths: tuple[int, ...] | None, both_ways: bool
) -> None:
    rng = np.random.default_rng(0)
    steps = tf.constant(rng.normal(size=(3, 17, 5)).astype("f4"))
    mask = None if lengths is None else tf.constant(np.arange(17) < np.array(lengths)[:, None])
    ours: Any = kind(8, zero_output_for_mask=zeros)
    theirs: Any = THEIRS[kind](8, return_sequences=True, zero_output_for_mask=zeros)
    if both_ways:
        ours, theirs = keras.layers.Bidirectional(ours), keras.layers.Bidirectional(theirs)
    ours.build(steps.shape)
    theirs.build(steps.shape)
    weights = [rng.normal(0.0, 0.5, w.shape).astype("f4") for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)

    expected = _answers(theirs, steps, mask)
    found = tf.function(_answers)(ours, steps, mask)

    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", THEIRS)
def test_it_survives_a_file(kind: Any, tmp_path: Path) -> None:
    inputs = keras.Input((None, 5))
    model = keras.Model(inputs, keras.layers.Bidirectional(kind(8))(inputs))
    save_model(model, tmp_path / "model.keras")
    steps = np.random.default_rng(1).normal(size=(2, 6, 5)).astype("f4")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(steps), model(steps))


def test_other_gates_are_refused() -> None:
    with pytest.raises(ValueError, match="activation, reset_after"):
        Gru(8, activation="relu", reset_after=False)
    with pytest.raises(ValueError, match="use_bias"):
        Lstm(8, use_bias=False)
