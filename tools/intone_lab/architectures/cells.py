"""Recurrent cells and pooling in TensorFlow operations, for the converter.

Written out as matrix products: the heavy part becomes FULLY_CONNECTED, which the runtimes
quantise and batch best, and no operation needs more than the runtimes' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from intone_lab.architectures.layers import ATTENTION_REACH, Array

State = tuple[tf.Tensor, ...]
"""What a cell hands from step to step, each (batch, units); the first is its output."""

Cell = Callable[[tf.Tensor, State], State]
"""Takes what the input adds to the gates, and the state; returns the next state."""


def project(x: tf.Tensor, kernel: Array, bias: Array) -> tf.Tensor:
    """Return what the inputs (batch, steps, width) add to the gates, in one product."""
    flat = tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel) + bias
    return tf.reshape(flat, (tf.shape(x)[0], -1, kernel.shape[1]))


def gru_inputs(x: tf.Tensor, weights: Sequence[Array]) -> tf.Tensor:
    """:func:`project` with a GRU layer's weights, as Keras keeps them."""
    kernel, _, (bias, _) = weights
    return project(x, kernel, bias)


def gru_cell(weights: Sequence[Array]) -> Cell:
    """Return a GRU's step (Keras's, reset after the product)."""
    _, recurrent, (_, bias) = weights
    units = recurrent.shape[0]

    def step(from_input: tf.Tensor, state: State) -> State:
        (hidden,) = state
        from_hidden = tf.matmul(hidden, recurrent) + bias
        gates = tf.sigmoid(from_input[:, : 2 * units] + from_hidden[:, : 2 * units])
        update, reset = gates[:, :units], gates[:, units:]
        candidate = tf.tanh(from_input[:, 2 * units :] + reset * from_hidden[:, 2 * units :])
        return (update * hidden + (1.0 - update) * candidate,)

    return step


def lstm_inputs(x: tf.Tensor, weights: Sequence[Array]) -> tf.Tensor:
    """:func:`project` with an LSTM layer's weights, as Keras keeps them."""
    kernel, _, bias = weights
    return project(x, kernel, bias)


def lstm_cell(weights: Sequence[Array]) -> Cell:
    """Return an LSTM's step; its state is (hidden, cell)."""
    _, recurrent, _ = weights

    def step(from_input: tf.Tensor, state: State) -> State:
        return lstm_state(from_input + tf.matmul(state[0], recurrent), state[1])

    return step


def lstm_state(gates: tf.Tensor, memory: tf.Tensor) -> State:
    """Return the state (hidden, cell) that an LSTM's summed gates make of its cell.

    They are in Keras's and PyTorch's order: input, forget, candidate, output.
    """
    enter, forget, candidate, leave = tf.split(gates, 4, axis=1)
    memory = tf.sigmoid(forget) * memory + tf.sigmoid(enter) * tf.tanh(candidate)
    return tf.sigmoid(leave) * tf.tanh(memory), memory


def run(cell: Cell, inputs: Sequence[tf.Tensor], state: State) -> tuple[list[tf.Tensor], State]:
    """Unroll the steps of ``inputs``, each (batch, gates); return outputs and last state."""
    outputs = []
    for from_input in inputs:
        state = cell(from_input, state)
        outputs.append(state[0])
    return outputs, state


def pool_running(
    hidden: Sequence[tf.Tensor], attention: Array, sums: dict[str, tf.Tensor]
) -> tf.Tensor:
    """Add steps, each (batch, u), to the running sums; return both means so far, (batch, 2u)."""
    for one in hidden:
        weight = attention_weight(one, attention)
        sums["attended"] += weight * one
        sums["weight"] += weight
        sums["summed"] += one
    sums["steps"] += float(len(hidden))
    return tf.concat([sums["attended"] / sums["weight"], sums["summed"] / sums["steps"]], axis=1)


def pool_whole(hidden: tf.Tensor, attention: Array) -> tf.Tensor:
    """Return attention and mean pooling of (steps, u) as (1, 2u)."""
    weight = attention_weight(hidden, attention)
    attended = tf.reduce_sum(weight * hidden, 0, keepdims=True) / tf.reduce_sum(weight)
    return tf.concat([attended, tf.reduce_mean(hidden, 0, keepdims=True)], axis=1)


def attention_weight(hidden: tf.Tensor, attention: Array) -> tf.Tensor:
    """Return how much each row of (rows, u) counts, (rows, 1)."""
    return tf.exp(ATTENTION_REACH * tf.tanh(tf.matmul(hidden, attention)))
