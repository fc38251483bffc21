"""A model that answers at the end, with another's answers while its utterance runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from intone.core.card import Card
from intone.core.recogniser import Recogniser, StepOutput, UtteranceRecogniser, checked_step
from intone.errors import ModelError
from intone.types import FloatArray, Scores


class WithInterims:
    """Two models that hear the same blocks: one answers after each, the other at the end.

    Neither knows of the other: the result is what the one at the end says by itself. A state is
    the first one's, and behind it the other's.
    """

    def __init__(self, at_end: UtteranceRecogniser, meanwhile: Recogniser) -> None:
        """Raises :class:`ModelError` where the two do not go together."""
        reason = why_not(at_end.card, meanwhile.card)
        if reason is not None:
            raise ModelError(f"{at_end.card.name}: {reason}")
        self._at_end = at_end
        self._meanwhile = meanwhile
        self._first_size = meanwhile.card.state_size

    @property
    def card(self) -> Card:
        """The card of the model that answers at the end."""
        return self._at_end.card

    @property
    def interim_card(self) -> Card:
        """The card of the model that answers meanwhile."""
        return self._meanwhile.card

    def step(self, windows: FloatArray, states: Sequence[FloatArray]) -> StepOutput:
        """See :class:`intone.core.recogniser.Recogniser`."""
        size = self._first_size
        # An utterance's first state is the card's: empty, as this model at the end has none.
        begun = [state if len(state) else np.zeros(size, np.float32) for state in states]
        # Checked here, where it is known whose answers they are.
        said = checked_step(self._meanwhile, windows, [state[:size] for state in begun])
        kept = self._at_end.step(windows, [state[size:] for state in begun])
        both = zip(said.states, kept.states, strict=True)
        return StepOutput(
            said.emotion_logits, said.gender_logits, [np.concatenate(pair) for pair in both]
        )

    def finish(self, state: FloatArray) -> Scores:
        """See :class:`intone.core.recogniser.UtteranceRecogniser`."""
        return self._at_end.finish(state[self._first_size :])


def interim_card(recogniser: Recogniser) -> Card | None:
    """Return the card of the model whose answers interims are; None where there are none."""
    if isinstance(recogniser, WithInterims):
        return recogniser.interim_card
    return None if recogniser.card.answers_at_end else recogniser.card


def why_not(card: Card, meanwhile: Card) -> str | None:
    """Say why ``meanwhile`` cannot give the interims of ``card``; None where it can."""
    if not card.answers_at_end:
        return "interims of another model are for one that answers at the end"
    if meanwhile.answers_at_end:
        return f"interims cannot be {meanwhile.name}'s, which answers at the end itself"
    if (meanwhile.emotions, meanwhile.genders) != (card.emotions, card.genders):
        return f"interims cannot be {meanwhile.name}'s, whose labels are others"
    if meanwhile.shape != card.shape:
        return (
            f"interims cannot be {meanwhile.name}'s, whose blocks are {meanwhile.shape} "
            f"and not {card.shape}"
        )
    return None
