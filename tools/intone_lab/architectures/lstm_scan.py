"""The steps of an LSTM and their gradient, in TensorFlow operations.

As in :mod:`intone_lab.architectures.gru_scan`: a step back is one product and what the two
states need; all else is done for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


def scan(into_gates: tf.Tensor, recurrent: tf.Variable, heard: tf.Tensor) -> tf.Tensor:
    """Return the outputs (steps, batch, units), from states of zeros.

    ``into_gates`` (steps, batch, 4 x units) is what inputs and bias add to input gate, forget
    gate, candidate and output gate; ``recurrent`` (units, 4 x units) is the state's part: Keras's
    layout. ``heard`` (steps, batch, 1) is 1, or 0 where a step leaves both states as they were.
    """
    # Its value: a variable would have to be among what the gradient is asked for by name.
    return _scan(into_gates, tf.convert_to_tensor(recurrent), heard)


class _Steps(NamedTuple):
    """What the gradient needs of every step, each (steps, batch, units) but the gates."""

    hidden: tf.Tensor
    cell: tf.Tensor
    gates: tf.Tensor
    """(steps, batch, 4 x units): input gate, forget gate, output gate, candidate."""


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _scan(
    into_gates: tf.Tensor, recurrent: tf.Tensor, heard: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor | None, ...]]]:
    units = recurrent.shape[0]
    steps = _forward(into_gates, recurrent, heard)

    def gradient(of_hidden: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        hidden, cell, gates = steps
        taken, kept, shown, candidate = tf.split(gates, 4, axis=-1)
        squashed = tf.tanh(cell)
        # What the sums in the gates are of a change: of the cell's for three, of the output's.
        by_cell = heard * tf.concat(
            [
                candidate * taken * (1.0 - taken),
                _before(cell) * kept * (1.0 - kept),
                taken * (1.0 - tf.square(candidate)),
            ],
            axis=-1,
        )
        by_hidden = heard * squashed * shown * (1.0 - shown)
        cell_by_hidden = heard * shown * (1.0 - tf.square(squashed))
        cell_by_cell = heard * kept + (1.0 - heard)
        known = _Known(by_cell, by_hidden, cell_by_hidden, cell_by_cell, 1.0 - heard)
        of_sums = _backward(of_hidden, known, recurrent)
        flat = tf.reshape(of_sums, (-1, 4 * units))
        before = tf.reshape(_before(hidden), (-1, units))
        return of_sums, tf.matmul(before, flat, transpose_a=True), None

    return steps.hidden, gradient


def _before(states: tf.Tensor) -> tf.Tensor:
    """Return the states before each step."""
    return tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)


def _forward(into_gates: tf.Tensor, recurrent: tf.Tensor, heard: tf.Tensor) -> _Steps:
    units = recurrent.shape[0]
    steps, batch = tf.shape(into_gates)[0], tf.shape(into_gates)[1]

    def step(at: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, *kept: Any) -> tuple[Any, ...]:
        sums = into_gates[at] + tf.matmul(hidden, recurrent)
        opened = tf.sigmoid(tf.concat([sums[:, : 2 * units], sums[:, 3 * units :]], axis=1))
        taken, forgets, shown = tf.split(opened, 3, axis=1)
        candidate = tf.tanh(sums[:, 2 * units : 3 * units])
        now = heard[at]
        cell += now * (forgets * cell + taken * candidate - cell)
        hidden += now * (shown * tf.tanh(cell) - hidden)
        gates = tf.concat([opened, candidate], axis=1)
        written = zip(kept, (hidden, cell, gates), strict=True)
        return at + 1, hidden, cell, *(array.write(at, value) for array, value in written)

    kind = into_gates.dtype
    arrays = [
        tf.TensorArray(kind, steps, element_shape=(None, width))
        for width in (units, units, 4 * units)
    ]
    zeros = tf.zeros((batch, units), kind)
    *_, hidden, cell, gates = tf.while_loop(
        lambda at, *_: at < steps, step, (0, zeros, zeros, *arrays)
    )
    return _Steps(hidden.stack(), cell.stack(), gates.stack())


class _Known(NamedTuple):
    """What a step back multiplies by, of every step: known before the way back begins."""

    by_cell: tf.Tensor
    """(steps, batch, 3 x units): the sums of input gate, forget gate, candidate."""
    by_hidden: tf.Tensor
    """(steps, batch, units): the sum of the output gate."""
    cell_by_hidden: tf.Tensor
    cell_by_cell: tf.Tensor
    """From a step to that before it."""
    hidden_by_hidden: tf.Tensor
    """(steps, batch, 1): but through the sums, likewise."""


def _backward(of_hidden: tf.Tensor, known: _Known, recurrent: tf.Tensor) -> tf.Tensor:
    """Return the gradient of the gates' sums, (steps, batch, 4 x units), in Keras's layout."""
    steps = tf.shape(of_hidden)[0]
    backwards = tf.transpose(recurrent)

    def step(at: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, sums: Any) -> tuple[Any, ...]:
        hidden += of_hidden[at]
        cell += hidden * known.cell_by_hidden[at]
        of_three = tf.tile(cell, (1, 3)) * known.by_cell[at]
        of_sums = tf.concat([of_three, hidden * known.by_hidden[at]], axis=1)
        through_sums = tf.matmul(of_sums, backwards)
        hidden = known.hidden_by_hidden[at] * hidden + through_sums
        return at - 1, hidden, known.cell_by_cell[at] * cell, sums.write(at, of_sums)

    kind, width = of_hidden.dtype, recurrent.shape[1]
    none = tf.zeros_like(of_hidden[0])
    *_, sums = tf.while_loop(
        lambda at, *_: at >= 0,
        step,
        (steps - 1, none, none, tf.TensorArray(kind, steps, element_shape=(None, width))),
    )
    return sums.stack()
