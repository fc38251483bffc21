"""The whole model: an utterance's samples to what both networks make of it, and to logits."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from intone_lab.architectures import convert
from intone_lab.heads.regression import Heads
from intone_lab.pretrained.products import Products
from intone_lab.pretrained.spectra import HOP_SAMPLES, power_spectra
from intone_lab.pretrained.voices_graph import VoicesGraph
from intone_lab.pretrained.whisper_graph import WhisperGraph
from intone_lab.pretrained.whisper_weights import read_whisper
from intone_lab.teacher import voices, whisper
from intone_lab.teacher.source import fetched


class Network:
    """Callable ``samples -> {statistics}``, or ``samples -> {emotion, gender}`` with heads.

    ``samples`` is (1, frames, 160), whole blocks; the statistics are (1, 2,560), the logits
    (1, labels).
    """

    def __init__(self, cache: Path) -> None:
        """Take both networks' files from ``cache``, fetched if they are not there yet.

        Raises :class:`intone_lab.teacher.source.TeacherError` where they cannot be fetched.
        """
        self._whisper = WhisperGraph(read_whisper(fetched(whisper.SOURCE, cache)))
        self._voices = VoicesGraph(voices.read_layers(fetched(voices.SOURCE, cache)))

    def to_tflite(self, heads: Heads | None, *, quantised: bool) -> bytes:
        """Return it as a TFLite model: int8 weights, or float32 throughout."""
        signature = convert.whole_signature(HOP_SAMPLES)
        whole = tf.function(lambda features: self._answer(features, heads), signature)
        return convert.to_tflite(whole.get_concrete_function(), quantised=quantised)

    def _answer(self, samples: tf.Tensor, heads: Heads | None) -> dict[str, tf.Tensor]:
        products = Products(tf.shape(samples)[1])
        statistics = self._statistics(samples[0], products)
        if heads is None:
            return {"statistics": statistics}
        column = tf.transpose(tf.concat([statistics, tf.ones((1, 1))], axis=1))
        return {
            "emotion": tf.transpose(products.exact(heads.emotion.T, column)),
            "gender": tf.transpose(products.exact(heads.gender.T, column)),
        }

    def _statistics(self, samples: tf.Tensor, products: Products) -> tf.Tensor:
        """Mean and deviation of each network's frames: both were trained on levelled speech."""
        around = samples - tf.reduce_mean(samples)
        power = power_spectra(around, products) / (tf.reduce_mean(tf.square(around)) + 1e-7)
        frames = self._whisper(power, products) + self._voices(power, products)
        return tf.concat([_mean_and_deviation(some) for some in frames], axis=1)


def _mean_and_deviation(frames: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(frames, axis=0, keepdims=True)
    variance = tf.reduce_mean(tf.square(frames - mean), axis=0, keepdims=True)
    return tf.concat([mean, tf.sqrt(variance + 1e-6)], axis=1)
