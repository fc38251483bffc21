"""Whisper's log-mel spectrogram and first blocks, in TensorFlow operations.

See :mod:`intone_lab.teacher.whisper`, which runs the same on the same weights, always on 8 s.
"""

from __future__ import annotations

import librosa
import numpy as np
import tensorflow as tf

from intone.types import SAMPLE_RATE_HZ
from intone_lab.pretrained.products import Products
from intone_lab.pretrained.spectra import WINDOW_SAMPLES
from intone_lab.pretrained.whisper_weights import Affine, Block, WhisperWeights

WIDTH = 384
POSITIONS = 400
"""Of 20 ms: 8 s, the longest that it was tuned on."""

_FILTERS = 80
_HEADS = 6
_HEAD_WIDTH = WIDTH // _HEADS
_RANGE_DECADES = 8.0
"""Of power under the loudest that are kept."""


class WhisperGraph:
    """Callable: power spectra to what the third and the fourth block attend to."""

    def __init__(self, weights: WhisperWeights) -> None:
        self._weights = weights
        self._filters = librosa.filters.mel(
            sr=SAMPLE_RATE_HZ, n_fft=WINDOW_SAMPLES, n_mels=_FILTERS
        )

    def __call__(self, power: tf.Tensor, products: Products) -> list[tf.Tensor]:
        """Take (201, hops) of samples of variance 1; return two of (hops / 2, :data:`WIDTH`).

        The utterance stands at the end of the positions, as it did when smart-turn tuned it.
        """
        first, second = self._weights.convolutions
        x = _gelu(products, _three_frames(self._log_mel(power, products)), first)
        x = _gelu(products, _every_other(x), second)
        count = tf.shape(x)[0]
        x += tf.slice(self._weights.positions, (POSITIONS - count, 0), (-1, WIDTH))
        attended = []
        for block in self._weights.blocks:
            normal = _normal(x, block.attended)
            attended.append(normal)
            x = _through(products, x, normal, block)
        return [attended[-1], _normal(x, self._weights.last)]

    def _log_mel(self, power: tf.Tensor, products: Products) -> tf.Tensor:
        """Return (hops, 80)."""
        energies = tf.maximum(products.exact(self._filters, power), 1e-10)
        log = tf.math.log(energies) * np.float32(1 / np.log(10))
        log = tf.maximum(log, tf.reduce_max(log) - _RANGE_DECADES)
        return tf.transpose((log + 4.0) / 4.0)


def _three_frames(x: tf.Tensor) -> tf.Tensor:
    """Each frame between its neighbours: (n, w) to (n, 3w)."""
    nothing = tf.zeros((1, x.shape[1]))
    before = tf.concat([nothing, x[:-1]], axis=0)
    after = tf.concat([x[1:], nothing], axis=0)
    return tf.concat([before, x, after], axis=1)


def _every_other(x: tf.Tensor) -> tf.Tensor:
    """Every other frame between its neighbours: (n, w) to (n / 2, 3w)."""
    width = x.shape[1]
    pairs = tf.reshape(x, (-1, 2 * width))
    before = tf.concat([tf.zeros((1, width)), pairs[:-1, width:]], axis=0)
    return tf.concat([before, pairs], axis=1)


def _product(products: Products, x: tf.Tensor, affine: Affine) -> tf.Tensor:
    return products.by_columns(x, affine.weights) + affine.bias


def _gelu(products: Products, x: tf.Tensor, affine: Affine) -> tf.Tensor:
    return tf.nn.gelu(_product(products, x, affine))


def _normal(x: tf.Tensor, affine: Affine) -> tf.Tensor:
    around = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(around), axis=-1, keepdims=True)
    return around * tf.math.rsqrt(variance + 1e-5) * affine.weights + affine.bias


def _through(products: Products, x: tf.Tensor, normal: tf.Tensor, block: Block) -> tf.Tensor:
    query = _by_head(_product(products, normal, block.query)) * np.float32(_HEAD_WIDTH**-0.5)
    key = _by_head(products.by_columns(normal, block.key))
    value = _by_head(_product(products, normal, block.value))
    share = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
    heard = tf.reshape(tf.transpose(tf.matmul(share, value), (1, 0, 2)), (-1, WIDTH))
    x += _product(products, heard, block.mixed)
    wide = _gelu(products, _normal(x, block.normal), block.widened)
    return x + _product(products, wide, block.narrowed)


def _by_head(x: tf.Tensor) -> tf.Tensor:
    return tf.transpose(tf.reshape(x, (-1, _HEADS, _HEAD_WIDTH)), (1, 0, 2))
