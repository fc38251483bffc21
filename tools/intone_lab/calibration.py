"""Temperature and abstention threshold, fitted on speakers outside training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

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


def expected_calibration_error(said: NDArray[np.float64], truth: Truth) -> float:
    """ECE of the best class's probability over :data:`BINS` equal bins (Naeini et al. 2015)."""
    confidence = said.max(axis=1)
    right = said.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean()
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(sum(gaps))


def cross_fitted(
    groups: Sequence[tuple[Logits, Truth]], worth: float
) -> tuple[NDArray[np.float64], Truth, NDArray[np.bool_]]:
    """Calibrate each group by the others: (probabilities, truth, answered), all groups joined.

    With a group a fold, no speaker is calibrated by a figure that he or she had a part in.
    """
    said, answered = [], []
    for index, (logits, _) in enumerate(groups):
        others = [group for i, group in enumerate(groups) if i != index]
        calibration = fit(
            np.concatenate([g[0] for g in others]), np.concatenate([g[1] for g in others]), worth
        )
        calibrated = probabilities(logits, calibration.temperature)
        said.append(calibrated)
        answered.append(calibrated.max(axis=1) >= calibration.threshold)
    truth = np.concatenate([group[1] for group in groups])
    return np.concatenate(said), truth, np.concatenate(answered)
