"""Matrix products as the converter is to keep them.

It quantises every constant matrix of a product as a whole and its inputs as they come, which is
too coarse for two kinds of them.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from intone.types import FloatArray


class Products:
    """Products of one graph. ``length`` is any positive number that is known at run time only."""

    def __init__(self, length: tf.Tensor) -> None:
        # What is multiplied by it is no constant that the converter could quantise or merge.
        self._one = tf.cast(tf.minimum(length, 1), tf.float32)

    def by_columns(self, rows: tf.Tensor, weights: FloatArray) -> tf.Tensor:
        """Return ``rows`` (n, inputs) times (inputs, outputs), int8 with a scale a column.

        tflite-runtime 2.14 cannot read the converter's own form of that.
        """
        scale = np.maximum(np.abs(weights).max(axis=0), 1e-12).astype("f4")
        return tf.matmul(rows, weights / scale) * (scale * self._one)

    def exact(self, matrix: FloatArray, columns: tf.Tensor) -> tf.Tensor:
        """Return ``matrix`` (outputs, inputs) times (inputs, n) in float32, whatever is quantised.

        For what spans many orders of magnitude: spectra, energies, statistics.
        """
        return tf.matmul(matrix * self._one, columns)
