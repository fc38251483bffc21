"""The steps of a GRU and their gradient, in TensorFlow operations.

TensorFlow derives a loop's gradient operation by operation and keeps each one's result on a
stack of its own. Written out, a step back is one product; all else is done for all steps at
once, and the recurrent weights' gradient is one product over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def scan(into_gates: tf.Tensor, recurrent: tf.Variable, bias: tf.Tensor) -> tf.Tensor:
    """Return the outputs (steps, batch, units), from a state of zeros.

    ``into_gates`` (steps, batch, 3 x units) is what the inputs add to update gate, reset gate and
    candidate; ``recurrent`` (units, 3 x units) and ``bias`` are the state's part: Keras's layout,
    reset after the product.
    """
    # Its value: a variable would have to be among what the gradient is asked for by name.
    return _scan(into_gates, tf.convert_to_tensor(recurrent), bias)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _scan(
    into_gates: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, ...]]]:
    units = recurrent.shape[0]
    hidden, gates = _forward(into_gates, recurrent, bias, units)

    def gradient(of_hidden: tf.Tensor) -> tuple[tf.Tensor, ...]:
        before = tf.concat([tf.zeros_like(hidden[:1]), hidden[:-1]], axis=0)
        update, reset, candidate, from_hidden = tf.split(gates, 4, axis=-1)
        of_update = (before - candidate) * update * (1.0 - update)
        of_candidate = (1.0 - update) * (1.0 - tf.square(candidate))
        of_reset = of_candidate * from_hidden * reset * (1.0 - reset)
        # What a change of the state at each step makes of the sums in its gates.
        sums = tf.concat([of_update, of_reset, of_candidate * reset], axis=-1)
        of_state = _backward(of_hidden, update, sums, recurrent, units)
        thrice = tf.tile(of_state, (1, 1, 3))
        of_sums = tf.reshape(sums * thrice, (-1, 3 * units))
        return (
            tf.concat([of_update, of_reset, of_candidate], axis=-1) * thrice,
            tf.matmul(tf.reshape(before, (-1, units)), of_sums, transpose_a=True),
            tf.reduce_sum(of_sums, axis=0),
        )

    return hidden, gradient


def _forward(
    into_gates: tf.Tensor, recurrent: tf.Tensor, bias: tf.Tensor, units: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the outputs and, for the gradient, (steps, batch, 4 x units) of the gates."""
    steps, batch = tf.shape(into_gates)[0], tf.shape(into_gates)[1]

    def step(at: tf.Tensor, state: tf.Tensor, outputs: Any, gates: Any) -> tuple[Any, ...]:
        given = into_gates[at]
        from_state = tf.matmul(state, recurrent) + bias
        opened = tf.sigmoid(given[:, : 2 * units] + from_state[:, : 2 * units])
        update, reset = opened[:, :units], opened[:, units:]
        from_hidden = from_state[:, 2 * units :]
        candidate = tf.tanh(given[:, 2 * units :] + reset * from_hidden)
        state = candidate + update * (state - candidate)
        kept = tf.concat([opened, candidate, from_hidden], axis=1)
        return at + 1, state, outputs.write(at, state), gates.write(at, kept)

    kind = into_gates.dtype
    *_, outputs, gates = tf.while_loop(
        lambda at, *_: at < steps,
        step,
        (
            0,
            tf.zeros((batch, units), kind),
            tf.TensorArray(kind, steps, element_shape=(None, units)),
            tf.TensorArray(kind, steps, element_shape=(None, 4 * units)),
        ),
    )
    return outputs.stack(), gates.stack()


def _backward(
    of_hidden: tf.Tensor, update: tf.Tensor, sums: tf.Tensor, recurrent: tf.Tensor, units: int
) -> tf.Tensor:
    """Return the gradient of the state after each step, (steps, batch, units)."""
    steps = tf.shape(of_hidden)[0]
    backwards = tf.transpose(recurrent)

    def step(at: tf.Tensor, later: tf.Tensor, states: Any) -> tuple[Any, ...]:
        state = later + of_hidden[at]
        through_sums = tf.matmul(sums[at] * tf.tile(state, (1, 3)), backwards)
        return at - 1, update[at] * state + through_sums, states.write(at, state)

    kind = of_hidden.dtype
    *_, states = tf.while_loop(
        lambda at, *_: at >= 0,
        step,
        (
            steps - 1,
            tf.zeros_like(of_hidden[0]),
            tf.TensorArray(kind, steps, element_shape=(None, units)),
        ),
    )
    return states.stack()
