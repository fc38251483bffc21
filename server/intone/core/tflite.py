"""Streaming models on the TFLite runtime; nothing else imports it.

``ai-edge-litert`` is tflite-runtime under its present name and always installed; the old
package runs the same files. Who installs it (extra ``tflite-runtime``) has chosen it.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from intone.core.card import Card
from intone.core.features import Mfcc
from intone.core.recogniser import Recogniser, StepOutput
from intone.errors import ModelError
from intone.types import FloatArray

try:
    from tflite_runtime.interpreter import Interpreter

    RUNTIME = "tflite-runtime"
except ImportError:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = "ai-edge-litert"

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Batches are padded to one of these: an interpreter is planned for one shape for good."""


class StreamingRecogniser:
    """MFCCs and one step function ``(features, state) -> (emotion, gender, state)``."""

    def __init__(self, card: Card, model: bytes) -> None:
        self._card = card
        self._model = model
        self._mfcc = Mfcc(card.features)
        self._lock = threading.Lock()
        self._steps: dict[int, _Step] = {}
        self._step_for(1)

    @property
    def card(self) -> Card:
        """The model's card."""
        return self._card

    def step(self, windows: FloatArray, states: FloatArray) -> StepOutput:
        """See :class:`intone.core.recogniser.Recogniser`."""
        features = self._mfcc(windows)
        largest = _BATCH_SIZES[-1]
        with self._lock:
            parts = [
                self._run(features[i : i + largest], states[i : i + largest])
                for i in range(0, features.shape[0], largest)
            ]
        return StepOutput(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _run(self, features: FloatArray, states: FloatArray) -> tuple[FloatArray, ...]:
        count = features.shape[0]
        size = next(size for size in _BATCH_SIZES if size >= count)
        return self._step_for(size)(features, states)

    def _step_for(self, size: int) -> _Step:
        if size not in self._steps:
            self._steps[size] = _Step(self._card, self._model, size)
        return self._steps[size]


class _Step:
    """An interpreter planned for one batch size."""

    def __init__(self, card: Card, model: bytes, size: int) -> None:
        self._size = size
        shapes = {
            "features": (size, card.block_frames, card.features.coefficients),
            "state": (size, card.state_size),
        }
        try:
            self._interpreter = Interpreter(model_content=model, num_threads=1)
            inputs = {len(d["shape"]): d["index"] for d in self._interpreter.get_input_details()}
            self._features, self._state = inputs[3], inputs[2]
            self._interpreter.resize_tensor_input(self._features, shapes["features"])
            self._interpreter.resize_tensor_input(self._state, shapes["state"])
            self._interpreter.allocate_tensors()
            self._interpreter.invoke()
            self._outputs = self._find_outputs(card)
        except (ValueError, RuntimeError, KeyError) as error:
            raise ModelError(
                f"{card.name}/{card.file} is not a streaming model for its card: {error}"
            ) from error

    def __call__(self, features: FloatArray, states: FloatArray) -> tuple[FloatArray, ...]:
        count = features.shape[0]
        if count < self._size:
            missing = self._size - count
            features = np.concatenate([features, np.zeros((missing, *features.shape[1:]), "f4")])
            states = np.concatenate([states, np.zeros((missing, states.shape[1]), "f4")])
        self._interpreter.set_tensor(self._features, features)
        self._interpreter.set_tensor(self._state, states)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(index)[:count] for index in self._outputs)

    def _find_outputs(self, card: Card) -> tuple[int, int, int]:
        """Tensor indices of emotion, gender and state: a signature's outputs are sorted by name."""
        details: list[dict[str, Any]] = self._interpreter.get_output_details()
        details = sorted(details, key=lambda detail: detail["name"])
        widths = (len(card.emotions), len(card.genders), card.state_size)
        found = tuple(int(detail["shape"][-1]) for detail in details)
        if found != widths:
            raise ValueError(f"outputs of widths {found}, the card says {widths}")
        emotion, gender, state = (int(detail["index"]) for detail in details)
        return emotion, gender, state


def streaming(card: Card, model: bytes) -> Recogniser:
    """Entry point ``streaming`` of ``intone.recognisers``."""
    return StreamingRecogniser(card, model)
