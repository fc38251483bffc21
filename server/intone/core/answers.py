"""Hops and scores to the events of a session."""

from __future__ import annotations

from dataclasses import dataclass

from intone.core.card import Card
from intone.core.decision import decide
from intone.types import (
    Decision,
    DiscardReason,
    Scores,
    SpeechBlock,
    SpeechEnded,
    SpeechStarted,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
    to_ms,
    to_samples,
)


@dataclass(slots=True)
class _Open:
    continues: int | None
    next_interim_sample: int
    scores: Scores | None = None


class Answers:
    """Remembers the last scores of every open utterance and words the events."""

    def __init__(self, card: Card, interim_ms: int, interim_card: Card | None) -> None:
        """``interim_card`` is that of the model whose answers interims are; None: there are none.

        The scores after a block are its, those at the end are ``card``'s.
        """
        self._card = card
        self._interim_card = interim_card
        self._interim_samples = to_samples(interim_ms) if interim_card else 0
        self._open: dict[int, _Open] = {}

    def started(self, hop: SpeechStarted) -> UtteranceStarted:
        """Open an utterance."""
        first = hop.start_sample + self._interim_samples
        self._open[hop.utterance_id] = _Open(hop.continues, first)
        return UtteranceStarted(
            hop.utterance_id, hop.channel, to_ms(hop.start_sample), hop.continues
        )

    def scored(self, hop: SpeechBlock, scores: Scores | None) -> UtteranceInterim | None:
        """Take the scores after a block; return an interim when one is due.

        None are the scores of a model that answers at the end alone: no interim is due then. Due
        is counted in audio time, so that it does not depend on how fast audio comes.
        """
        if scores is None:
            return None
        utterance = self._open[hop.utterance_id]
        utterance.scores = scores
        if not self._interim_samples or hop.end_sample < utterance.next_interim_sample:
            return None
        if not hop.is_confirmed:
            return None
        while utterance.next_interim_sample <= hop.end_sample:
            utterance.next_interim_sample += self._interim_samples
        assert self._interim_card is not None
        emotion, gender = _decide(scores, self._interim_card)
        span = (hop.utterance_id, hop.channel, to_ms(hop.start_sample), to_ms(hop.end_sample))
        return UtteranceInterim(*span, emotion, gender)

    def next_interim_samples(self, samples: int, *, is_confirmed: bool) -> int | None:
        """Return how much of an utterance blocks must hold for the next interim to be due.

        They hold ``samples`` so far, and the last of them said whether the utterance
        ``is_confirmed``. None: there will be no interim.
        """
        if not self._interim_samples:
            return None
        due = samples // self._interim_samples
        if due and not is_confirmed:
            # One was due; it comes with the block that confirms the utterance.
            return samples + 1
        return (due + 1) * self._interim_samples

    def ended(self, hop: SpeechEnded, scores: Scores | None = None) -> UtteranceResult:
        """Close an utterance with its final answer: ``scores``, or those of its last block."""
        utterance = self._open.pop(hop.utterance_id)
        final = scores or utterance.scores
        # The segmenter ends nothing in a result that gave no block.
        assert final is not None
        emotion, gender = _decide(final, self._card)
        return UtteranceResult(
            hop.utterance_id,
            hop.channel,
            to_ms(hop.start_sample),
            to_ms(hop.end_sample),
            hop.reason,
            emotion,
            gender,
            self._card.name,
            utterance.continues,
        )

    def discarded(
        self,
        utterance_id: int,
        channel: int,
        start_sample: int,
        end_sample: int,
        reason: DiscardReason,
    ) -> UtteranceDiscarded:
        """Close an utterance without an answer."""
        del self._open[utterance_id]
        return UtteranceDiscarded(
            utterance_id, channel, to_ms(start_sample), to_ms(end_sample), reason
        )


def _decide(scores: Scores, card: Card) -> tuple[Decision, Decision]:
    return (
        decide(scores.emotion_logits, card.emotions, card.emotion_calibration),
        decide(scores.gender_logits, card.genders, card.gender_calibration),
    )
