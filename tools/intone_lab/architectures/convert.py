"""TensorFlow's converter, set so that every supported runtime reads what it writes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


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
