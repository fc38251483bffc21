"""A bidirectional recurrent layer over an utterance of any length, for the converter.

Keras's own layers become operations that no runtime here has (Flex), or a graph that is
unrolled for one length. This is a loop with the two directions side by side in it.
"""

from __future__ import annotations

import tensorflow as tf

from intone_lab.architectures.cells import Cell, State, run


def both_ways(
    inputs: tuple[tf.Tensor, tf.Tensor],
    cells: tuple[Cell, Cell],
    starts: tuple[State, State],
    stride: int,
) -> tf.Tensor:
    """Run one cell forward and one backward; return the outputs (steps, 2u), forward first.

    ``inputs`` are what the utterance adds to the gates of each, (1, steps, gates). The loop
    takes ``stride`` steps of each at a time, of which ``steps`` must be a multiple.
    """
    ahead, back = inputs[0][0], inputs[1][0]
    steps = tf.shape(ahead)[0]
    units = starts[0][0].shape[1]
    # A row that is cut off again: XNNPACK cannot concatenate to nothing.
    start = tf.zeros((1, units))

    def body(
        done: tf.Tensor, forward: State, backward: State, first: tf.Tensor, second: tf.Tensor
    ) -> tuple[tf.Tensor, State, State, tf.Tensor, tf.Tensor]:
        rows = tf.slice(ahead, (done, 0), (stride, ahead.shape[1]))
        out, forward = run(cells[0], _rows(rows), forward)
        first = tf.concat([first, *out], axis=0)
        rows = tf.slice(back, (steps - done - stride, 0), (stride, back.shape[1]))
        out, backward = run(cells[1], _rows(rows)[::-1], backward)
        second = tf.concat([*out[::-1], second], axis=0)
        return done + stride, forward, backward, first, second

    shapes = [[tf.TensorShape(one.shape) for one in state] for state in starts]
    *_, first, second = tf.while_loop(
        lambda done, *_: done < steps,
        body,
        (tf.constant(0), *starts, start, start),
        shape_invariants=(
            tf.TensorShape(()),
            *map(tuple, shapes),
            tf.TensorShape((None, units)),
            tf.TensorShape((None, units)),
        ),
    )
    return tf.concat([first[1:], second[:-1]], axis=1)


def _rows(matrix: tf.Tensor) -> list[tf.Tensor]:
    rows: list[tf.Tensor] = tf.split(matrix, matrix.shape[0], axis=0)
    return rows
