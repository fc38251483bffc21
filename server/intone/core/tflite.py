"""Streaming models on TFLite: one step function, whose states the caller keeps."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from intone.core.card import Card
from intone.core.features import extractor
from intone.core.interpreter import Network
from intone.core.recogniser import Recogniser, StepOutput
from intone.errors import ModelError
from intone.types import FloatArray

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Batches are padded to one of these: an interpreter is planned for one shape for good."""


class StreamingRecogniser:
    """Features and one step function ``(features, state) -> (emotion, gender, state)``."""

    def __init__(self, card: Card, model: bytes) -> None:
        if card.answers_at_end:
            raise ModelError(f"{card.name}: a streaming model's card gives no longest_frames")
        self._card = card
        self._model = model
        self._extract = extractor(card.features)
        self._lock = threading.Lock()
        self._steps: dict[int, Network] = {}
        self._step_for(1)

    @property
    def card(self) -> Card:
        """The model's card."""
        return self._card

    def step(self, windows: FloatArray, states: Sequence[FloatArray]) -> StepOutput:
        """See :class:`intone.core.recogniser.Recogniser`."""
        features = self._extract(windows)
        rows = np.asarray(states, np.float32)
        largest = _BATCH_SIZES[-1]
        with self._lock:
            parts = [
                self._run(features[i : i + largest], rows[i : i + largest])
                for i in range(0, features.shape[0], largest)
            ]
        if len(parts) == 1:
            emotion, gender, state = parts[0]
        else:
            emotion, gender, state = (np.concatenate(column) for column in zip(*parts, strict=True))
        # Of its own each: a view would keep the whole batch's states for as long as one lives.
        return StepOutput(emotion, gender, [row.copy() for row in state])

    def _run(self, features: FloatArray, states: FloatArray) -> tuple[FloatArray, ...]:
        count = features.shape[0]
        size = next(size for size in _BATCH_SIZES if size >= count)
        if count < size:
            missing = size - count
            features = np.concatenate([features, np.zeros((missing, *features.shape[1:]), "f4")])
            states = np.concatenate([states, np.zeros((missing, states.shape[1]), "f4")])
        return tuple(output[:count] for output in self._step_for(size)(features, states))

    def _step_for(self, size: int) -> Network:
        if size not in self._steps:
            card = self._card
            shapes = ((size, card.block_frames, card.features.width), (size, card.state_size))
            self._steps[size] = Network(card, self._model, shapes)
        return self._steps[size]


def streaming(card: Card, model: bytes) -> Recogniser:
    """Entry point ``streaming`` of ``intone.recognisers``."""
    return StreamingRecogniser(card, model)
