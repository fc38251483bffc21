"""Samples to power spectra, in TensorFlow operations: the front end that the model brings."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from intone.types import FloatArray
from intone_lab.pretrained.products import Products

HOP_SAMPLES = 160
WINDOW_SAMPLES = 400
BINS = WINDOW_SAMPLES // 2 + 1


def power_spectra(samples: tf.Tensor, products: Products) -> tf.Tensor:
    """Return (201, hops): the spectrum around the start of each hop of ``samples`` (hops, 160).

    Hann windows of 25 ms, silence before and after. Of no power of two, as both networks were
    trained; a product with the transform's matrix, since no runtime has such a transform.
    """
    hops = tf.shape(samples)[0]
    silence = tf.zeros((WINDOW_SAMPLES // 2,))
    padded = tf.concat([silence, tf.reshape(samples, (-1,)), silence], axis=0)
    rows = tf.reshape(padded[: (hops + 2) * HOP_SAMPLES], (-1, HOP_SAMPLES))
    rest = WINDOW_SAMPLES - 2 * HOP_SAMPLES
    windows = tf.concat([rows[:-2], rows[1:-1], rows[2:, :rest]], axis=1)
    spectrum = products.exact(_transform(), tf.transpose(windows))
    return tf.square(spectrum[:BINS]) + tf.square(spectrum[BINS:])


def _transform() -> FloatArray:
    """Return (2 x 201, 400): the discrete Fourier transform of a Hann window, as reals."""
    sample = np.arange(WINDOW_SAMPLES)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * sample / WINDOW_SAMPLES)
    angle = 2 * np.pi * np.outer(np.arange(BINS), sample) / WINDOW_SAMPLES
    return np.concatenate([np.cos(angle) * hann, np.sin(angle) * hann]).astype("f4")
