"""What a trained network says of clips: through Keras, and through its exported file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from intone.types import FloatArray
from intone_lab.architectures import BLOCK_FRAMES, Architecture

MOST_AT_ONCE = 32
"""Clips of one length scored together: larger batches gain nothing and need more memory."""

Logits = tuple[FloatArray, FloatArray]
"""Of emotion and gender, float32 (clips, classes)."""


def by_keras(model: keras.Model, rows: Sequence[FloatArray]) -> Logits:
    """Score float32 ``rows`` (frames, width), each at its own length: nothing is padded."""
    emotions = next(int(t.shape[-1]) for t in model.inputs if t.name == "allowed")
    names = [tensor.name for tensor in model.inputs]

    def score(batch: FloatArray) -> Logits:
        inputs = {
            "features": batch,
            "frames": np.full(len(batch), batch.shape[1], np.int32),
            "allowed": np.zeros((len(batch), emotions), np.float32),
        }
        said = model.predict_on_batch({name: inputs[name] for name in names})
        return said["emotion"][:, -1], said["gender"][:, -1]

    return _in_batches(rows, score, MOST_AT_ONCE)


def by_file(content: bytes, architecture: Architecture, rows: Sequence[FloatArray]) -> Logits:
    """Score ``rows`` by the exported file: block by block, or whole where it answers once."""
    if architecture.is_streaming:
        stepper = _Stepper(content, architecture)
        return _in_batches(rows, stepper, MOST_AT_ONCE)
    return _in_batches(rows, _Whole(content), 1)


def _in_batches(
    rows: Sequence[FloatArray], score: Callable[[FloatArray], Logits], most: int
) -> Logits:
    """Call ``score`` on rows of one length at a time; put the answers back in order."""
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(index)
    emotion: dict[int, FloatArray] = {}
    gender: dict[int, FloatArray] = {}
    for indices in by_length.values():
        for start in range(0, len(indices), most):
            part = indices[start : start + most]
            said = score(np.stack([rows[index] for index in part]))
            for answers, logits in zip((emotion, gender), said, strict=True):
                answers.update(zip(part, logits, strict=True))
    order = range(len(rows))
    return np.stack([emotion[i] for i in order]), np.stack([gender[i] for i in order])


class _File:
    """An interpreter that takes any batch or length, replanned when the shape changes."""

    def __init__(self, content: bytes) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._shapes: list[tuple[int, ...]] = []

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """``inputs`` by rank, the features first; outputs in the order of their names."""
        details = sorted(self._interpreter.get_input_details(), key=_rank, reverse=True)
        shapes = [array.shape for array in inputs]
        if shapes != self._shapes:
            for detail, shape in zip(details, shapes, strict=True):
                self._interpreter.resize_tensor_input(detail["index"], shape)
            self._interpreter.allocate_tensors()
            self._shapes = shapes
        for detail, array in zip(details, inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self._interpreter.invoke()
        outputs = sorted(self._interpreter.get_output_details(), key=lambda d: str(d["name"]))
        return [self._interpreter.get_tensor(detail["index"]) for detail in outputs]


def _rank(detail: dict[str, Any]) -> int:
    return len(detail["shape"])


class _Stepper:
    """Batches of one length through a streaming file."""

    def __init__(self, content: bytes, architecture: Architecture) -> None:
        self._file = _File(content)
        self._state_size = architecture.state_size

    def __call__(self, batch: FloatArray) -> Logits:
        state = np.zeros((len(batch), self._state_size), np.float32)
        emotion = gender = np.empty(0, np.float32)
        for start in range(0, batch.shape[1], BLOCK_FRAMES):
            emotion, gender, state = self._file(batch[:, start : start + BLOCK_FRAMES], state)
        return emotion, gender


class _Whole:
    """One clip at a time through a file that answers at the end."""

    def __init__(self, content: bytes) -> None:
        self._file = _File(content)

    def __call__(self, batch: FloatArray) -> Logits:
        emotion, gender = self._file(batch)
        return emotion.reshape(1, -1), gender.reshape(1, -1)
