"""Resemblyzer's LSTM, in TensorFlow operations; see :mod:`intone_lab.teacher.voices`."""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np
import tensorflow as tf

from intone.types import SAMPLE_RATE_HZ
from intone_lab.architectures.cells import State, lstm_state
from intone_lab.pretrained.products import Products
from intone_lab.pretrained.spectra import WINDOW_SAMPLES
from intone_lab.teacher.voices import FILTERS, LEVEL_DBFS, UNITS, LstmLayer

STRIDE = 4
"""Steps that the loop takes at a time: an utterance is a multiple of it long.

The converter takes the longer the more they are; the runtimes do not care.
"""


class VoicesGraph:
    """Callable: power spectra to the outputs of the second and the third layer."""

    def __init__(self, layers: Sequence[LstmLayer]) -> None:
        first, *others = layers
        self._bias = sum(first.biases)
        self._from_input = first.from_input
        self._from_state = np.ascontiguousarray(first.from_state.T)
        self._others = [
            (np.concatenate([one.from_input.T, one.from_state.T]), sum(one.biases))
            for one in others
        ]
        self._filters = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=WINDOW_SAMPLES, n_mels=FILTERS)

    def __call__(self, power: tf.Tensor, products: Products) -> list[tf.Tensor]:
        """Take (201, hops) of samples of variance 1; return two of (hops, :data:`UNITS`)."""
        level = np.float32(10 ** (LEVEL_DBFS / 10))
        energies = products.exact(self._filters, power) * level
        gates = tf.transpose(products.exact(self._from_input, energies)) + self._bias
        hops = tf.shape(gates)[0]
        start = tuple((tf.zeros((1, UNITS)), tf.zeros((1, UNITS))) for _ in range(3))
        # A row that is cut off again: XNNPACK cannot concatenate to nothing.
        nothing = tf.zeros((1, 2 * UNITS))

        def body(
            done: tf.Tensor, states: tuple[State, ...], outputs: tf.Tensor
        ) -> tuple[tf.Tensor, tuple[State, ...], tf.Tensor]:
            rows = tf.split(tf.slice(gates, (done, 0), (STRIDE, 4 * UNITS)), STRIDE, axis=0)
            told = [outputs]
            for row in rows:
                states = self._step(row, states, products)
                told.append(tf.concat([states[1][0], states[2][0]], axis=1))
            return done + STRIDE, states, tf.concat(told, axis=0)

        one = tf.TensorShape((1, UNITS))
        *_, outputs = tf.while_loop(
            lambda done, *_: done < hops,
            body,
            (tf.constant(0), start, nothing),
            shape_invariants=(
                tf.TensorShape(()),
                ((one, one),) * 3,
                tf.TensorShape((None, 2 * UNITS)),
            ),
        )
        return [outputs[1:, :UNITS], outputs[1:, UNITS:]]

    def _step(
        self, gates: tf.Tensor, states: tuple[State, ...], products: Products
    ) -> tuple[State, ...]:
        gates += products.by_columns(states[0][0], self._from_state)
        after = [lstm_state(gates, states[0][1])]
        for (weights, bias), state in zip(self._others, states[1:], strict=True):
            both = tf.concat([after[-1][0], state[0]], axis=1)
            after.append(lstm_state(products.by_columns(both, weights) + bias, state[1]))
        return tuple(after)
