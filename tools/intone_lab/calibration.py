"""Temperature and abstention threshold, fitted on speakers outside training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from intone.core.decision import Calibration

Logits = NDArray[np.float32]
Truth = NDArray[np.int64]

BINS = 15
REJECTED_SHARE = 0.05
"""At most this share of utterances may come out ``unsure``; who wants more has the confidence."""


def probabilities(logits: Logits, temperature: float) -> NDArray[np.float64]:
    """Return softmax of float32 ``logits`` (n, classes) over ``temperature``."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def fit_temperature(logits: Logits, truth: Truth) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        said = probabilities(logits, float(np.exp(log_temperature)))
        return -float(np.log(said[np.arange(len(truth)), truth] + 1e-12).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.2), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def fit_threshold(logits: Logits, truth: Truth, temperature: float, worth: float) -> float:
    """Return the confidence under which answers are right less often than ``worth``.

    The largest such threshold that rejects no more than :data:`REJECTED_SHARE`.
    """
    said = probabilities(logits, temperature)
    confidence = said.max(axis=1)
    order = np.argsort(confidence)
    right = (said.argmax(axis=1) == truth)[order]
    share_right = np.cumsum(right) / np.arange(1, len(right) + 1)
    limit = int(REJECTED_SHARE * len(right))
    poor = np.flatnonzero(share_right[:limit] <= worth)
    return float(confidence[order][poor[-1]]) if len(poor) else 0.0


def fit(logits: Logits, truth: Truth, worth: float) -> Calibration:
    """Return both, rounded to what the card shows."""
    temperature = round(fit_temperature(logits, truth), 3)
    threshold = fit_threshold(logits, truth, temperature, worth)
    return Calibration(temperature, round(threshold, 3))


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence."""

    confidence: float
    """Mean of the best labels' probabilities."""
    right: float
    """Share of them that are right."""
    answers: int


def reliability(said: NDArray[np.float64], truth: Truth) -> tuple[Bin, ...]:
    """Return those of the :data:`BINS` equal bins of confidence that hold an answer."""
    confidence = said.max(axis=1)
    right = said.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(float(confidence[own].mean()), float(right[own].mean()), int(own.sum()))
        for own in (bins == index for index in range(BINS))
        if own.any()
    )


def expected_calibration_error(said: NDArray[np.float64], truth: Truth) -> float:
    """ECE of the best class's probability over :data:`BINS` equal bins (Naeini et al. 2015)."""
    gaps = [abs(b.right - b.confidence) * b.answers for b in reliability(said, truth)]
    return float(sum(gaps)) / max(len(truth), 1)


def error_by_chance(bins: Sequence[Bin]) -> float:
    """ECE to expect of as many answers that are right exactly as often as they say.

    The error is a sum of distances, so that chance adds to it and never takes away: of 360
    answers of middling confidence it comes to 0.06. A bin's part is the mean absolute deviation
    of a binomial (de Moivre; P. Diaconis and S. Zabell, "Closed form summation for classical
    distributions", 1991).
    """
    answers = sum(b.answers for b in bins)
    gaps = 0.0
    for b in bins:
        next_over_mean = int(b.answers * b.confidence) + 1
        likely = binom.pmf(next_over_mean, b.answers, b.confidence)
        gaps += 2 * next_over_mean * (1 - b.confidence) * float(likely)
    return gaps / max(answers, 1)


def brier_score(said: NDArray[np.float64], truth: Truth) -> float:
    """Mean squared distance (0 to 2) of the probabilities from the truth (Brier 1950)."""
    wanted = np.zeros_like(said)
    wanted[np.arange(len(truth)), truth] = 1.0
    return float(np.square(said - wanted).sum(axis=1).mean())


def accuracy_by_coverage(said: NDArray[np.float64], truth: Truth) -> NDArray[np.float64]:
    """Return (n,): the accuracy of the k + 1 most confident answers, for every k."""
    order = np.argsort(-said.max(axis=1), kind="stable")
    right = (said.argmax(axis=1) == truth)[order]
    share: NDArray[np.float64] = np.cumsum(right) / np.arange(1, len(right) + 1)
    return share


def aurc(said: NDArray[np.float64], truth: Truth) -> float:
    """Area under the risk-coverage curve: mean error over all coverages (Geifman 2019)."""
    return float(1.0 - accuracy_by_coverage(said, truth).mean())


def cross_calibrations(
    groups: Sequence[tuple[Logits, Truth]], worth: float
) -> tuple[Calibration, ...]:
    """Return a calibration for each group, fitted on all others.

    With a group a fold, no speaker is calibrated by a figure that he or she had a part in.
    There must be two groups that are not empty.
    """
    fitted = []
    for index in range(len(groups)):
        others = [group for i, group in enumerate(groups) if i != index]
        fitted.append(fit(*joined(others), worth))
    return tuple(fitted)


def joined(groups: Sequence[tuple[Logits, Truth]]) -> tuple[Logits, Truth]:
    """Return several groups as one."""
    return np.concatenate([g[0] for g in groups]), np.concatenate([g[1] for g in groups])
