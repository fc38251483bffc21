"""The seam behind which every model stands: blocks of samples in, scores and states out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from intone.core.card import Card
from intone.errors import ModelError
from intone.types import FloatArray, Scores


@dataclass(frozen=True, slots=True, eq=False)
class StepOutput:
    """What one step says of each utterance in the batch."""

    emotion_logits: FloatArray
    """float32 (batch, emotions); (0, emotions) from a model that answers at the end alone."""
    gender_logits: FloatArray
    """float32 (batch, genders); likewise."""
    states: Sequence[FloatArray]
    """A float32 vector an utterance: to be given back with its next block."""

    @property
    def scores(self) -> list[Scores | None]:
        """Each utterance's answer so far; None where the answer comes at the end."""
        if not len(self.emotion_logits):
            return [None] * len(self.states)
        return [
            Scores(emotion, gender)
            for emotion, gender in zip(self.emotion_logits, self.gender_logits, strict=True)
        ]


class Recogniser(Protocol):
    """Seam ``intone.recognisers``: a model that runs block by block.

    An entry point, named by a card's ``kind``, is a callable
    ``(card: Card, model: bytes) -> Recogniser``; it raises
    :class:`intone.errors.ModelError` for a file it cannot run.
    """

    @property
    def card(self) -> Card:
        """The model's card."""
        ...

    def step(self, windows: FloatArray, states: Sequence[FloatArray]) -> StepOutput:
        """Advance a batch of utterances by one block each.

        ``windows`` is float32 (batch, card.shape.window). ``states`` are float32 vectors,
        one an utterance: ``card.state_size`` zeros with its first block, then what the step
        before gave back. An utterance's output must not depend on the others'. Safe to call
        from several threads.
        """
        ...


@runtime_checkable
class UtteranceRecogniser(Recogniser, Protocol):
    """A model that answers once, when its utterance has ended; its card gives the longest.

    Its steps gather what it will need in the states, which grow, and answer nothing, unless it
    has interims of another (:class:`intone.core.interims.WithInterims`).
    """

    def finish(self, state: FloatArray) -> Scores:
        """Return the answer for an utterance whose last step left ``state``.

        Called once an utterance that gets a result, and for no other. Safe to call from
        several threads.
        """
        ...


def checked_step(
    recogniser: Recogniser, windows: FloatArray, states: Sequence[FloatArray]
) -> StepOutput:
    """Return what ``recogniser`` says; :class:`ModelError` if that is no answer for its card."""
    output = recogniser.step(windows, states)
    # Not isinstance, which asks a protocol method by method: this is called for every batch.
    answers = not recogniser.card.answers_at_end or len(output.emotion_logits)
    count = len(states) if answers else 0
    _check(recogniser.card, output.emotion_logits, output.gender_logits, (count,))
    if len(output.states) != len(states):
        raise ModelError(
            f"{recogniser.card.name} gave {len(output.states)} states of {len(states)}"
        )
    return output


def checked_finish(recogniser: UtteranceRecogniser, state: FloatArray) -> Scores:
    """Return the answer at the end, likewise."""
    scores = recogniser.finish(state)
    _check(recogniser.card, scores.emotion_logits, scores.gender_logits, ())
    return scores


def try_out(recogniser: Recogniser) -> None:
    """Run a block of silence to its answer: :class:`ModelError` if that is none for its card."""
    card = recogniser.card
    silence = np.zeros((1, card.shape.window), np.float32)
    output = checked_step(recogniser, silence, [np.zeros(card.state_size, np.float32)])
    if isinstance(recogniser, UtteranceRecogniser):
        checked_finish(recogniser, output.states[0])


def _check(card: Card, emotion: FloatArray, gender: FloatArray, batch: tuple[int, ...]) -> None:
    """Refuse what would be told as an answer, or lost on the way: JSON has no NaN."""
    heads = ((emotion, card.emotions), (gender, card.genders))
    for logits, labels in heads:
        if logits.shape != (*batch, len(labels)):
            raise ModelError(
                f"{card.name} answered logits of {logits.shape} for {len(labels)} labels"
            )
        if not np.isfinite(logits).all():
            raise ModelError(f"{card.name} answered logits that are not finite")
