"""How soon the answer is there, how good it is by then, and how often it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intone.settings import SessionSettings
from intone_lab import metrics
from intone_lab.evaluation import Head, Heard, Listened
from intone_lab.study import EvaluationProtocol, Study

TOLD_MS = (500, 1_000, 1_500, 2_000, 3_000)
"""Points of the table."""
CURVE_MS = tuple(range(500, 4_001, 250))
"""Points of the picture."""
ENOUGH = 0.5
INTERIM_MS = SessionSettings().interim_ms
"""What a client gets that does not ask."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The answers at hand once so much of each utterance was heard, pre-roll included."""

    heard_ms: int | None
    """None: at the utterances' end."""
    answered: float
    """Share of the utterances that had an answer by then."""
    ended: float
    """Share that was over by then: their answer is the result."""
    uar: float | None
    """Of those answered; None where fewer than :data:`ENOUGH` were: those few are no sample."""


@dataclass(frozen=True, slots=True)
class Interims:
    """What a client gets that asks for interims every :data:`INTERIM_MS`."""

    utterances: int
    without: float
    """Share that ended before the first one was due."""
    first_ms_median: float
    """From the utterance's start, pre-roll included, in audio time."""
    first_ms_95: float
    flips_mean: float
    """Changes of the best emotion from one answer to the next, the result included."""
    steady: float
    """Share of utterances, of those with an interim, without a flip."""


@dataclass(frozen=True, slots=True)
class Course:
    """One corpus's utterances as time goes on."""

    corpus: str
    protocol: EvaluationProtocol
    told: tuple[Moment, ...]
    curve: tuple[Moment, ...]
    interims: Interims


def courses(study: Study) -> tuple[Course, ...]:
    """Return a course a corpus, by speaker and clean; none of a model without interims."""
    found = []
    for corpus in study.corpora(EvaluationProtocol.BY_SPEAKER):
        listened = study.of(EvaluationProtocol.BY_SPEAKER, corpus)
        if listened is not None and any(row.trail is not None for row in listened.rows):
            told = tuple(moment(listened, heard_ms) for heard_ms in (*TOLD_MS, None))
            curve = tuple(moment(listened, heard_ms) for heard_ms in CURVE_MS)
            found.append(
                Course(corpus, EvaluationProtocol.BY_SPEAKER, told, curve, interims(listened.rows))
            )
    return tuple(found)


def moment(listened: Listened, heard_ms: int | None) -> Moment:
    """Return how things stand after ``heard_ms`` of each utterance."""
    among = listened.present(Head.EMOTION)
    columns = [listened.emotions.index(name) for name in among]
    heard = [r for r in listened.rows if r.emotion is not None and r.clip.emotion in among]
    pairs: list[metrics.Pair] = []
    for row in heard:
        said = _said(row, heard_ms)
        if said is not None:
            pairs.append((str(row.clip.emotion), among[int(np.argmax(said[columns]))]))
    ended = sum(heard_ms is None or row.duration_ms <= heard_ms for row in heard)
    total = max(len(heard), 1)
    is_enough = len(pairs) >= ENOUGH * total
    uar = metrics.summary(metrics.confusion(pairs, among)).uar if is_enough else None
    return Moment(heard_ms, len(pairs) / total, ended / total, uar)


def interims(rows: Sequence[Heard]) -> Interims:
    """Return what a client is told of ``rows`` while people talk."""
    heard = [row for row in rows if row.emotion is not None]
    firsts, flips = [], []
    for row in heard:
        trail = row.trail.every(INTERIM_MS) if row.trail is not None else None
        if trail is not None and len(trail.ends_ms):
            assert row.emotion is not None
            firsts.append(int(trail.ends_ms[0]))
            best = np.argmax(np.vstack([trail.emotion, row.emotion]), axis=1)
            flips.append(int(np.count_nonzero(np.diff(best))))
    if not firsts:
        return Interims(len(heard), 1.0, 0.0, 0.0, 0.0, 0.0)
    median, late = np.quantile(firsts, (0.5, 0.95))
    return Interims(
        len(heard),
        1 - len(firsts) / len(heard),
        float(median),
        float(late),
        float(np.mean(flips)),
        float(np.mean(np.array(flips) == 0)),
    )


def _said(row: Heard, heard_ms: int | None) -> np.ndarray | None:
    if heard_ms is None or row.duration_ms <= heard_ms:
        return row.emotion
    if row.trail is None:
        return None
    known = int(np.searchsorted(row.trail.ends_ms, heard_ms, side="right"))
    return row.trail.emotion[known - 1] if known else None
