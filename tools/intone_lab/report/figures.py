"""Accuracy: a line of figures a head, corpus, protocol and condition; and the card's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intone.core.card import Accuracy
from intone_lab import metrics
from intone_lab.calibration import expected_calibration_error
from intone_lab.conditions import CLEAN
from intone_lab.evaluation import Head, Listened
from intone_lab.metrics import ClassFigures, Intervals, Summary
from intone_lab.report.confidence import by_speaker, calibration_corpora
from intone_lab.run_record import Weights
from intone_lab.study import STRANGERS, EvaluationProtocol, Study


@dataclass(frozen=True, slots=True)
class HeadFigures:
    """One head on one corpus."""

    protocol: EvaluationProtocol
    corpus: str
    condition: str
    weights: Weights
    head: Head
    labels: tuple[str, ...]
    """What the answer is the best of: the corpus's own emotions, or both genders."""
    speakers: int
    clips: int
    nothing_heard: int
    """Clips without a result; each is counted as wrong."""
    one_utterance: int
    """Clips that gave exactly one result."""
    figures: Summary
    intervals: Intervals | None
    """None of a single speaker."""
    uar_among_all: float
    """The UAR where the answer is the best of all the model's labels."""
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows true, columns said, the last column nothing heard."""


def head_figures(study: Study) -> tuple[HeadFigures, ...]:
    """Return every line of the study, clean speech by speaker first."""
    return tuple(
        figures
        for protocol, corpus, condition, weights, listened in _selections(study)
        for head in study.heads
        for figures in figures_of(listened, protocol, corpus, condition, weights, head)
    )


def accuracies(study: Study) -> list[Accuracy]:
    """Return the card's rows: clean speech, the int8 export."""
    rows = []
    for line in head_figures(study):
        if line.condition == CLEAN.name and line.weights is Weights.INT8:
            is_emotion = line.head is Head.EMOTION
            metrics_told = ("uar", "accuracy") if is_emotion else ("accuracy",)
            words = study.words(line.protocol)
            rows += [_row(line, metric, words) for metric in metrics_told]
    answers = by_speaker(study, Head.EMOTION, calibration_corpora(study))
    if answers is not None:
        ece = expected_calibration_error(answers.said, answers.truth)
        rows.append(
            Accuracy(
                corpus="+".join(calibration_corpora(study)),
                protocol=study.words(EvaluationProtocol.BY_SPEAKER),
                task=Head.EMOTION.value,
                metric="ece",
                value=round(ece, 4),
                clips=len(answers.truth),
            )
        )
    return rows


def figures_of(
    listened: Listened,
    protocol: EvaluationProtocol,
    corpus: str,
    condition: str,
    weights: Weights,
    head: Head,
) -> Iterator[HeadFigures]:
    """Yield a head's line on one corpus; none where no clip has a label that the model knows."""
    among = listened.choices(head)
    if not among:
        return
    counts = listened.counts_by_speaker(head, among)
    total = listened.counts(head, among)
    rows = [row for row in listened.rows if row.truth(head) in among]
    yield HeadFigures(
        protocol=protocol,
        corpus=corpus,
        condition=condition,
        weights=weights,
        head=head,
        labels=among,
        speakers=len(counts),
        clips=int(total.sum()),
        nothing_heard=int(total[:, -1].sum()),
        one_utterance=sum(row.utterances == 1 for row in rows),
        figures=metrics.summary(total),
        intervals=metrics.intervals(counts) if len(counts) >= metrics.FEWEST_SPEAKERS else None,
        uar_among_all=_uar_among_all(listened, head, among),
        classes=metrics.class_figures(total, among),
        confusion=tuple(tuple(int(n) for n in row) for row in total),
    )


def _uar_among_all(listened: Listened, head: Head, own: Sequence[str]) -> float:
    """UAR of the corpus's ``own`` labels where the answer may be any that the model knows."""
    every = listened.labels(head)
    counts = listened.counts(head, every)
    # A stray clip or two of another label would count as much as a whole class.
    counts[[label not in own for label in every]] = 0
    return metrics.summary(counts).uar


def _row(line: HeadFigures, metric: str, words: str) -> Accuracy:
    return Accuracy(
        corpus=line.corpus,
        protocol=words,
        task=line.head.value,
        metric=metric,
        value=round(getattr(line.figures, metric), 4),
        clips=line.clips,
    )


def _selections(study: Study) -> Iterator[tuple[EvaluationProtocol, str, str, Weights, Listened]]:
    for protocol in (EvaluationProtocol.BY_SPEAKER, EvaluationProtocol.AT_RANDOM, *STRANGERS):
        for corpus in study.corpora(protocol):
            for condition in study.conditions:
                for weights in Weights:
                    listened = study.of(protocol, corpus, condition, weights)
                    if listened is not None:
                        yield protocol, corpus, condition, weights, listened
