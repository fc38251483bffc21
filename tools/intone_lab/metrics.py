"""Figures of who was taken for whom: arrays and numbers, nothing of clips or models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""Confusions, int64 (labels, labels + 1): rows true, columns said; the last is nothing heard."""
Pair = tuple[str, str | None]
"""The true label and the one that was said; None where nothing was heard."""

DRAWS = 2_000
"""Bootstrap resamples: the ends of an interval then move by less than a hundredth."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Three figures of one confusion matrix; a clip in which nothing was heard is wrong."""

    uar: float
    """Unweighted average recall: the mean of the classes' recalls."""
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % of the bootstrap's draws lie between: (low, high) of each figure."""

    uar: tuple[float, float]
    accuracy: tuple[float, float]
    macro_f1: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """A line of the classification report."""

    label: str
    precision: float
    """0 where the label was never said."""
    recall: float
    f1: float
    support: int


def confusion(pairs: Sequence[Pair], labels: Sequence[str]) -> Counts:
    """Count (true, said) pairs; every true label must be one of ``labels``."""
    counts = np.zeros((len(labels), len(labels) + 1), np.int64)
    for true, said in pairs:
        column = len(labels) if said is None else list(labels).index(said)
        counts[list(labels).index(true), column] += 1
    return counts


def summary(counts: Counts) -> Summary:
    """Return the figures of ``counts``, over the classes that occur."""
    uar, accuracy, macro_f1 = (float(figure) for figure in _figures(counts))
    return Summary(uar, accuracy, macro_f1)


def class_figures(counts: Counts, labels: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Return a line a label that occurs."""
    rows = []
    for index, label in enumerate(labels):
        right, support = int(counts[index, index]), int(counts[index].sum())
        said = int(counts[:, index].sum())
        if support:
            precision = right / said if said else 0.0
            f1 = 2 * right / (support + said)
            rows.append(ClassFigures(label, precision, right / support, f1, support))
    return tuple(rows)


FEWEST_SPEAKERS = 5
"""Of whom an interval is drawn: of three speakers it would hold the mean of all in three draws of
four, not in nineteen of twenty."""


def intervals(counts_by_speaker: Sequence[Counts]) -> Intervals:
    """Draw the speakers anew, with replacement, :data:`DRAWS` times (bootstrap by speaker).

    Clips of a speaker are alike: drawing clips anew would give an interval that is too narrow.
    """
    stacked = np.stack(counts_by_speaker)
    speakers = len(stacked)
    times = np.random.default_rng(0).multinomial(speakers, np.full(speakers, 1 / speakers), DRAWS)
    drawn = (times @ stacked.reshape(speakers, -1)).reshape(DRAWS, *stacked.shape[1:])
    low, high = np.quantile(_figures(drawn), (0.025, 0.975), axis=-1)
    ends = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return Intervals(*ends)


def _figures(counts: Counts) -> NDArray[np.float64]:
    """Return (3, …) of counts (…, labels, labels + 1): UAR, accuracy, macro F1."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    support = counts.sum(axis=-1)
    said = counts[..., :-1].sum(axis=-2)
    occurs = support > 0
    classes = np.maximum(occurs.sum(axis=-1), 1)
    recall = np.where(occurs, right / np.maximum(support, 1), 0.0)
    f1 = np.where(occurs, 2 * right / np.maximum(support + said, 1), 0.0)
    accuracy = right.sum(axis=-1) / np.maximum(support.sum(axis=-1), 1)
    return np.stack([recall.sum(axis=-1) / classes, accuracy, f1.sum(axis=-1) / classes])
