"""Models that answer once, at the end of an utterance, on TFLite."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from intone.core.card import Card
from intone.core.features import extractor
from intone.core.interpreter import Network
from intone.core.recogniser import StepOutput, UtteranceRecogniser
from intone.errors import ModelError
from intone.types import FloatArray, Scores


class WholeUtteranceRecogniser:
    """Features as the audio comes, and one function ``features -> (emotion, gender)``.

    An utterance's state is its features so far: at most ``card.longest_frames`` of them,
    240 kB for 15 s of 40 float32. Utterances are answered one by one, each at its own
    length, so that no answer depends on what else there is.
    """

    def __init__(self, card: Card, model: bytes) -> None:
        if card.longest_frames is None:
            raise ModelError(f"{card.name}: an utterance model's card gives longest_frames")
        self._card = card
        self._longest = card.longest_frames * card.features.width
        self._extract = extractor(card.features)
        self._lock = threading.Lock()
        self._network = Network(card, model, [(1, card.block_frames, card.features.width)])

    @property
    def card(self) -> Card:
        """The model's card."""
        return self._card

    def step(self, windows: FloatArray, states: Sequence[FloatArray]) -> StepOutput:
        """See :class:`intone.core.recogniser.Recogniser`.

        Raises :class:`ValueError` for an utterance over the card's longest.
        """
        features = self._extract(windows)
        longer = [
            np.concatenate([state, block.reshape(-1)])
            for state, block in zip(states, features, strict=True)
        ]
        if any(len(state) > self._longest for state in longer):
            raise ValueError(f"an utterance is over {self._card.longest_frames} frames long")
        nothing = np.zeros((0, len(self._card.emotions)), np.float32)
        return StepOutput(nothing, np.zeros((0, len(self._card.genders)), np.float32), longer)

    def finish(self, state: FloatArray) -> Scores:
        """See :class:`intone.core.recogniser.UtteranceRecogniser`."""
        features = state.reshape(1, -1, self._card.features.width)
        with self._lock:
            self._network.plan([features.shape])
            emotion, gender = self._network(features)
        return Scores(emotion[0], gender[0])


def utterance(card: Card, model: bytes) -> UtteranceRecogniser:
    """Entry point ``utterance`` of ``intone.recognisers``."""
    return WholeUtteranceRecogniser(card, model)
