"""TensorFlow's converter, and the parts that every exported network shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from intone_lab.architectures.layers import Array


def to_tflite(traced: Any, *, quantised: bool) -> bytes:
    """Convert a concrete function: int8 weights, or float32 throughout."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # tflite-runtime 2.14 cannot read the per-channel form (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    content: bytes = converter.convert()
    return content


def step_signature(block_frames: int, width: int, state_size: int) -> list[tf.TensorSpec]:
    """What a streaming model's step takes: batch dimension free."""
    return [
        tf.TensorSpec((None, block_frames, width), tf.float32, "features"),
        tf.TensorSpec((None, state_size), tf.float32, "state"),
    ]


def whole_signature(width: int) -> list[tf.TensorSpec]:
    """What an utterance model takes: one utterance of any number of blocks."""
    return [tf.TensorSpec((1, None, width), tf.float32, "features")]


def normaliser(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the model's normalisation of (…, width) features."""
    layer = model.get_layer("normalise")
    mean = np.asarray(layer.mean, np.float32).reshape(-1)
    std = np.sqrt(np.asarray(layer.variance, np.float32)).reshape(-1)
    return lambda features: (features - mean) / std


def speaker(model: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return the model's two heads, as :func:`intone_lab.architectures.layers.heads` names them."""
    heads = {
        "emotion": model.get_layer("emotion_logits").get_weights(),
        "gender": model.get_layer("gender").get_weights(),
    }
    return lambda pooled: {name: tf.matmul(pooled, w) + bias for name, (w, bias) in heads.items()}


def folded(model: keras.Model, index: int) -> tuple[Array, Array]:
    """Return a convolution with its batch normalisation folded in: its kernel and bias."""
    (kernel,) = model.get_layer(f"conv{index}").get_weights()
    scale, shift = affine(model, index)
    return kernel * scale, shift


def affine(model: keras.Model, index: int) -> tuple[Array, Array]:
    """Return what a trained batch normalisation multiplies by and what it adds."""
    norm = model.get_layer(f"norm{index}")
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return scale, beta - mean * scale


def directions(model: keras.Model, name: str) -> tuple[list[Array], list[Array]]:
    """Return the forward and the backward weights of a bidirectional layer."""
    layer = model.get_layer(name)
    return layer.forward_layer.get_weights(), layer.backward_layer.get_weights()
