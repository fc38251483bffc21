"""Small models in numpy: real ones, which a test can hold up or make fail."""

from __future__ import annotations

import threading

import msgspec
import numpy as np

from intone.core.card import Card
from intone.core.recogniser import StepOutput
from intone.types import Scores

ADVANCE, WINDOW, STATE = 2_560, 2_801, 6
"""As the shipped model's samples a block; a small state."""


def small_card(card: Card) -> Card:
    return msgspec.structs.replace(card, state_size=STATE)


class SmallRecogniser:
    """State and scores follow the level of each block; every row on its own."""

    def __init__(self, card: Card) -> None:
        self.card = small_card(card)
        self.batches: list[int] = []
        self.is_open = threading.Event()
        self.is_open.set()
        self.entered = threading.Semaphore(0)
        self.fails_on: set[float] = set()
        """Levels (the first sample of a block) at which the whole call fails."""

    def step(self, windows: np.ndarray, states: np.ndarray) -> StepOutput:
        self.batches.append(len(windows))
        self.entered.release()
        assert self.is_open.wait(timeout=20)
        if self.fails_on & set(windows[:, 0].tolist()):
            raise ValueError("a model that fails")
        levels = np.abs(windows).mean(axis=1, keepdims=True)
        weights = np.arange(1, STATE + 1, dtype=np.float32) / STATE
        states = (0.5 * np.asarray(states) + levels * weights).astype(np.float32)
        emotions = np.sin(states[:, :1] * np.arange(1, len(self.card.emotions) + 1))
        genders = np.cos(states[:, :1] * np.arange(1, len(self.card.genders) + 1))
        return StepOutput(emotions.astype("f4"), genders.astype("f4"), states)


class SmallModel:
    """A model whose one recogniser a test can hold up or make fail."""

    def __init__(self, card: Card) -> None:
        self.recogniser = SmallRecogniser(card)
        self.card = self.interim_card = self.recogniser.card
        self.interims = None

    def alone(self) -> SmallModel:
        return self

    def new_recogniser(self) -> SmallRecogniser:
        return self.recogniser


class SmallUtteranceRecogniser:
    """Answers at the end, by the levels of all blocks; it can be held up and made fail too."""

    def __init__(self, card: Card, longest_frames: int = 1_500) -> None:
        self.card = msgspec.structs.replace(card, state_size=0, longest_frames=longest_frames)
        self.calls: list[str] = []
        """``step`` with how many blocks, ``finish`` of how many, in order."""
        self.is_open = threading.Event()
        self.is_open.set()
        self.entered = threading.Semaphore(0)
        self.fails_on_finish = False

    def step(self, windows: np.ndarray, states: list[np.ndarray]) -> StepOutput:
        self._enter(f"step {len(windows)}")
        levels = np.abs(windows).mean(axis=1, keepdims=True).astype("f4")
        longer = [np.concatenate([s, level]) for s, level in zip(states, levels, strict=True)]
        nothing = np.zeros((0, len(self.card.emotions)), "f4")
        return StepOutput(nothing, np.zeros((0, len(self.card.genders)), "f4"), longer)

    def finish(self, state: np.ndarray) -> Scores:
        self._enter(f"finish {len(state)}")
        if self.fails_on_finish:
            raise ValueError("a model that fails at the end")
        sums = np.cumsum(state)[-1] * np.arange(1, 9)
        return Scores(
            np.sin(sums[: len(self.card.emotions)]).astype("f4"),
            np.cos(sums[: len(self.card.genders)]).astype("f4"),
        )

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        self.entered.release()
        assert self.is_open.wait(timeout=20)
