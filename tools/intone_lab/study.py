"""Everything that was heard of one model: what its report is written from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from intone.core.card import Card
from intone.core.decision import Calibration
from intone_lab.catalogue import in_order
from intone_lab.conditions import CLEAN
from intone_lab.development import DEVELOPMENT_SPEAKERS
from intone_lab.evaluation import Head, Listened, joined
from intone_lab.run_record import Weights


class EvaluationProtocol(str, Enum):
    """Who was in training and who was listened to; the values are a card's words."""

    BY_SPEAKER = "5 folds by speaker"
    AT_RANDOM = "random 80/20 split (same voices on both sides)"
    STRANGE_CORPUS = "a corpus never trained on"
    """The final model's answers, as those of the next."""
    STRANGE_SPEAKERS = "speakers never trained on, of a corpus that was"


def in_words(protocol: EvaluationProtocol, folds: int) -> str:
    """Return a card's words for ``protocol``: few speakers make fewer folds than five."""
    return (
        f"{folds} folds by speaker" if protocol is EvaluationProtocol.BY_SPEAKER else protocol.value
    )


UNTAUGHT = Calibration(threshold=1.0)
"""Of a head that nothing taught: it finds every label as likely, and is never believed."""

STRANGERS = (EvaluationProtocol.STRANGE_CORPUS, EvaluationProtocol.STRANGE_SPEAKERS)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one split's export said of the clips it never heard, under one condition."""

    protocol: EvaluationProtocol
    split: str
    condition: str
    weights: Weights
    listened: Listened


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The parts, and what is said about the model as a whole."""

    card: Card
    """The shipped file's."""
    size_bytes: int
    parts: tuple[Part, ...]
    development: frozenset[str] = DEVELOPMENT_SPEAKERS
    """The speakers on whom settings were chosen."""
    stream_gap: float | None = None
    """Largest difference in probability, float model streamed against Keras offline."""
    missing: int = 0
    """Clips of the run that were not there to be listened to."""

    @property
    def heads(self) -> tuple[Head, ...]:
        """What the model answers, but for what nothing taught it."""
        calibrations = (self.card.emotion_calibration, self.card.gender_calibration)
        return tuple(head for head, own in zip(Head, calibrations, strict=True) if own != UNTAUGHT)

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names, in the order in which they were measured."""
        return tuple(dict.fromkeys(part.condition for part in self.parts))

    def words(self, protocol: EvaluationProtocol) -> str:
        """Return who was in training and who was listened to, with how many folds there were."""
        return in_words(protocol, len(self.folds()))

    def folds(self) -> list[Part]:
        """Return the int8 parts by speaker, of clean speech, a fold each."""
        return self._parts(EvaluationProtocol.BY_SPEAKER)

    def corpora(self, protocol: EvaluationProtocol) -> tuple[str, ...]:
        """Those of a protocol, in the catalogue's order."""
        found = {corpus for part in self._parts(protocol) for corpus in part.listened.corpora}
        return in_order(found)

    def of(
        self,
        protocol: EvaluationProtocol,
        corpus: str,
        condition: str = CLEAN.name,
        weights: Weights = Weights.INT8,
    ) -> Listened | None:
        """Return what was said of a corpus over all splits; None for nothing."""
        parts = [part.listened for part in self._parts(protocol, condition, weights)]
        own = joined(parts).of(corpus) if parts else None
        return own if own is not None and own.rows else None

    def _parts(
        self,
        protocol: EvaluationProtocol,
        condition: str = CLEAN.name,
        weights: Weights = Weights.INT8,
    ) -> list[Part]:
        wanted = (protocol, condition, weights)
        return [p for p in self.parts if (p.protocol, p.condition, p.weights) == wanted]
