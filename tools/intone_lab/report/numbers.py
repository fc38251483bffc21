"""Every number of a report: ``report.json`` is this, the page and the pictures show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from intone.core.decision import Calibration
from intone_lab.benchmark import Speed
from intone_lab.catalogue import corpus_named
from intone_lab.conditions import CLEAN
from intone_lab.evaluation import Head
from intone_lab.folds import FOLDS
from intone_lab.report.confidence import Confidence, calibration_corpora, confidences
from intone_lab.report.figures import HeadFigures, figures_of, head_figures
from intone_lab.report.seconds import Course, courses
from intone_lab.run_record import Weights
from intone_lab.study import EvaluationProtocol, Study, in_words


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was measured of one model."""

    model: str
    kind: str
    sha256: str
    size_bytes: int
    emotions: tuple[str, ...]
    calibrated_on: tuple[str, ...]
    emotion_calibration: Calibration
    gender_calibration: Calibration
    never_held_out: tuple[str, ...]
    """Titles of corpora that are always in training: there is no figure of them by speaker."""
    figures: tuple[HeadFigures, ...]
    without_development: tuple[HeadFigures, ...]
    """Clean speech by speaker, of those besides the speakers on whom settings were chosen; of a
    corpus that has such."""
    confidence: tuple[Confidence, ...]
    courses: tuple[Course, ...]
    speeds: tuple[Speed, ...]
    not_timed: tuple[str, ...]
    """Interpreters that could not time the model, and why."""
    stream_gap: float | None
    """Largest difference in probability, float model streamed against Keras offline."""
    missing: int
    """Clips of the run that were not there."""
    unreadable: tuple[str, ...]
    folds: int = FOLDS
    """By speaker; a report that does not say has as many as there are at most."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names, clean first."""
        return tuple(dict.fromkeys(line.condition for line in self.figures))

    def words(self, protocol: EvaluationProtocol) -> str:
        """Return a card's words for who was in training and who was listened to."""
        return in_words(protocol, self.folds)

    def corpora(self, *protocols: EvaluationProtocol) -> tuple[tuple[EvaluationProtocol, str], ...]:
        """What was measured under ``protocols``, in the report's order."""
        found = ((line.protocol, line.corpus) for line in self.figures)
        return tuple(dict.fromkeys(pair for pair in found if pair[0] in protocols))

    def line(
        self,
        protocol: EvaluationProtocol,
        corpus: str,
        head: Head,
        condition: str = CLEAN.name,
        weights: Weights = Weights.INT8,
    ) -> HeadFigures | None:
        """Return one line of figures; None where it was not measured."""
        wanted = (protocol, corpus, head, condition, weights)
        for line in self.figures:
            if (line.protocol, line.corpus, line.head, line.condition, line.weights) == wanted:
                return line
        return None


def numbers(study: Study, speeds: Sequence[Speed] = (), not_timed: Sequence[str] = ()) -> Numbers:
    """Work out every number of ``study``."""
    card = study.card
    unreadable = dict.fromkeys(line for part in study.parts for line in part.listened.unreadable)
    return Numbers(
        model=card.name,
        kind=card.kind,
        sha256=card.sha256,
        size_bytes=study.size_bytes,
        emotions=card.emotions,
        calibrated_on=calibration_corpora(study),
        emotion_calibration=card.emotion_calibration,
        gender_calibration=card.gender_calibration,
        never_held_out=_never_held_out(study),
        figures=head_figures(study),
        without_development=tuple(_without_development(study)),
        confidence=confidences(study),
        courses=courses(study),
        speeds=tuple(speeds),
        not_timed=tuple(not_timed),
        stream_gap=study.stream_gap,
        missing=study.missing,
        unreadable=tuple(unreadable),
        folds=len(study.folds()),
    )


def write_json(path: Path, found: Numbers) -> None:
    """Write every number."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def read_json(path: Path) -> Numbers:
    """Read what :func:`write_json` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Numbers)


def _never_held_out(study: Study) -> tuple[str, ...]:
    held_out = {
        corpus_named(corpus).title for corpus in study.corpora(EvaluationProtocol.BY_SPEAKER)
    }
    return tuple(row.corpus for row in study.card.training if row.corpus not in held_out)


def _without_development(study: Study) -> Iterator[HeadFigures]:
    by_speaker = EvaluationProtocol.BY_SPEAKER
    for corpus in study.corpora(by_speaker):
        of_all = study.of(by_speaker, corpus)
        assert of_all is not None
        others = of_all.without(study.development)
        if not 0 < len(others.rows) < len(of_all.rows):
            continue
        for head in study.heads:
            yield from figures_of(others, by_speaker, corpus, CLEAN.name, Weights.INT8, head)
