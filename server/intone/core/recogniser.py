"""The seam behind which every model stands: blocks of samples in, scores and states out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from intone.core.card import Card
from intone.types import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class StepOutput:
    """What one step says of each utterance in the batch."""

    emotion_logits: FloatArray
    """float32 (batch, emotions)."""
    gender_logits: FloatArray
    """float32 (batch, genders)."""
    states: FloatArray
    """float32 (batch, state_size): to be given back with the utterance's next block."""


class Recogniser(Protocol):
    """Seam ``intone.recognisers``.

    An entry point, named by a card's ``kind``, is a callable
    ``(card: Card, model: bytes) -> Recogniser``; it raises
    :class:`intone.errors.ModelError` for a file it cannot run.
    """

    @property
    def card(self) -> Card:
        """The model's card."""
        ...

    def step(self, windows: FloatArray, states: FloatArray) -> StepOutput:
        """Advance a batch of utterances by one block each.

        ``windows`` is float32 (batch, card.shape.window), ``states`` float32
        (batch, card.state_size), zeros for an utterance's first block. A row's output must
        not depend on the other rows. Safe to call from several threads.
        """
        ...
