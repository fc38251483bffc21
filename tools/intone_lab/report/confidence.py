"""What confidence is worth: temperature and threshold, reliability, coverage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intone.core.decision import Calibration
from intone_lab import calibration as calibrate
from intone_lab.calibration import Bin, Logits, Truth
from intone_lab.conditions import CLEAN
from intone_lab.evaluation import Head, Listened
from intone_lab.run_record import Weights
from intone_lab.study import STRANGERS, UNTAUGHT, EvaluationProtocol, Study

WORTH = {Head.EMOTION: 1 / 3, Head.GENDER: 0.65}
"""Answers that are right less often are not said: the label is ``unsure``. A coin tells gender
right half the time, one emotion of eight an eighth."""

CURVE_POINTS = 50
"""Points of a curve that the report keeps: a picture shows no more."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Clips in which something was heard: what was said of them, and the truth."""

    logits: Logits
    said: NDArray[np.float64]
    """Calibrated probabilities (n, labels)."""
    truth: Truth
    answered: NDArray[np.bool_]
    """Whether the calibrated confidence reached the threshold."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """One head's confidence on one corpus; clips in which nothing was heard are left out."""

    protocol: EvaluationProtocol
    corpus: str
    head: Head
    answers: int
    ece_before: float
    """Expected calibration error of the bare model (temperature 1)."""
    ece_after: float
    brier_before: float
    brier_after: float
    aurc: float
    accuracy: float
    answered: float
    """Share that reaches the threshold."""
    accuracy_answered: float
    bins_before: tuple[Bin, ...]
    bins_after: tuple[Bin, ...]
    coverage: tuple[tuple[float, float], ...]
    """(share answered, accuracy of those), the most confident first."""


def calibration_corpora(study: Study) -> tuple[str, ...]:
    """Return the held-out corpora that hold every label of the heads; all, if none does.

    On a corpus of fewer labels the others' probabilities are never right, and a temperature
    would be fitted to that.
    """
    held_out = study.corpora(EvaluationProtocol.BY_SPEAKER)
    complete = [
        corpus
        for corpus in held_out
        for listened in [study.of(EvaluationProtocol.BY_SPEAKER, corpus)]
        if listened is not None
        and all(set(listened.present(head)) == set(listened.labels(head)) for head in study.heads)
    ]
    return tuple(complete) or held_out


def fit(study: Study, head: Head) -> Calibration:
    """Return the card's calibration, fitted on every fold's held-out speakers.

    Where none of them has a label, as own recordings may not say who is a woman, there is none,
    and an untaught head keeps what says so.
    """
    if head not in study.heads:
        return UNTAUGHT
    logits, truth = calibrate.joined(_groups(study, head))
    return calibrate.fit(logits, truth, WORTH[head]) if len(truth) else Calibration()


def confidences(study: Study) -> tuple[Confidence, ...]:
    """Return both heads on every corpus that was listened to, clean."""
    lines = []
    for head in study.heads:
        for corpus in study.corpora(EvaluationProtocol.BY_SPEAKER):
            answers = by_speaker(study, head, (corpus,))
            if answers is not None:
                lines.append(_confidence(answers, EvaluationProtocol.BY_SPEAKER, corpus, head))
        for protocol in STRANGERS:
            for corpus in study.corpora(protocol):
                answers = _by_card(study, protocol, corpus, head)
                if answers is not None:
                    lines.append(_confidence(answers, protocol, corpus, head))
    return tuple(lines)


def by_speaker(study: Study, head: Head, corpora: Collection[str]) -> Answers | None:
    """Return the folds' answers on ``corpora``, each fold calibrated by the others.

    None where there are no folds, or nothing to fit on in others than one.
    """
    folds = study.folds()
    groups = _groups(study, head)
    if sum(bool(len(truth)) for _, truth in groups) < 2:
        return None
    calibrations = calibrate.cross_calibrations(groups, WORTH[head])
    parts = [
        _answers(logits, truth, calibration)
        for part, calibration in zip(folds, calibrations, strict=True)
        for logits, truth in [_labelled(part.listened, head, corpora)]
    ]
    joined = _joined(parts)
    return joined if len(joined.truth) else None


def _by_card(study: Study, protocol: EvaluationProtocol, corpus: str, head: Head) -> Answers | None:
    """Return the shipped file's answers, calibrated as its card says."""
    listened = study.of(protocol, corpus, CLEAN.name, Weights.INT8)
    if listened is None:
        return None
    card = study.card
    calibration = card.emotion_calibration if head is Head.EMOTION else card.gender_calibration
    answers = _answers(*_labelled(listened, head, (corpus,)), calibration)
    return answers if len(answers.truth) else None


def _groups(study: Study, head: Head) -> list[tuple[Logits, Truth]]:
    corpora = calibration_corpora(study)
    return [_labelled(part.listened, head, corpora) for part in study.folds()]


def _labelled(listened: Listened, head: Head, corpora: Collection[str]) -> tuple[Logits, Truth]:
    labels = listened.labels(head)
    logits, truth = [], []
    for row in listened.rows:
        said, label = row.said(head), row.truth(head)
        if row.clip.corpus in corpora and said is not None and label in labels:
            logits.append(said)
            truth.append(labels.index(label))
    empty = np.zeros((0, len(labels)), np.float32)
    return np.stack(logits) if logits else empty, np.array(truth, np.int64)


def _answers(logits: Logits, truth: Truth, calibration: Calibration) -> Answers:
    said = calibrate.probabilities(logits, calibration.temperature)
    return Answers(logits, said, truth, said.max(axis=1) >= calibration.threshold)


def _joined(parts: Sequence[Answers]) -> Answers:
    columns = ([getattr(part, name) for part in parts] for name in Answers.__slots__)
    return Answers(*(np.concatenate(column) for column in columns))


def _confidence(
    answers: Answers, protocol: EvaluationProtocol, corpus: str, head: Head
) -> Confidence:
    raw, said, truth = calibrate.probabilities(answers.logits, 1.0), answers.said, answers.truth
    right = said.argmax(axis=1) == truth
    curve = calibrate.accuracy_by_coverage(said, truth)
    count = len(truth)
    kept = np.unique(np.linspace(0, count - 1, CURVE_POINTS).astype(int))
    answered = right[answers.answered]
    return Confidence(
        protocol=protocol,
        corpus=corpus,
        head=head,
        answers=count,
        ece_before=calibrate.expected_calibration_error(raw, truth),
        ece_after=calibrate.expected_calibration_error(said, truth),
        brier_before=calibrate.brier_score(raw, truth),
        brier_after=calibrate.brier_score(said, truth),
        aurc=calibrate.aurc(said, truth),
        accuracy=float(right.mean()),
        answered=float(answers.answered.mean()),
        accuracy_answered=float(answered.mean()) if len(answered) else 0.0,
        bins_before=calibrate.reliability(raw, truth),
        bins_after=calibrate.reliability(said, truth),
        coverage=tuple((float(k + 1) / count, float(curve[k])) for k in kept),
    )
