"""Times as the quantiles that are reported of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of ``count`` times, in milliseconds; all 0 of none."""

    count: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


def quantiles(times_s: Iterable[float]) -> Quantiles:
    """Sum up ``times_s``, in seconds.

    A quantile is a time that was measured, the next larger one: no mean of two neighbours,
    which for a p99 of few times would be half the largest.
    """
    times_ms = np.fromiter(times_s, np.float64) * 1_000
    if not times_ms.size:
        return Quantiles()
    p50, p95, p99 = np.quantile(times_ms, (0.5, 0.95, 0.99), method="higher")
    return Quantiles(times_ms.size, float(p50), float(p95), float(p99), float(times_ms.max()))


def percentiles_ms(times_s: Iterable[float]) -> tuple[float, ...]:
    """Return the 0th to the 100th percentile in milliseconds: a curve to draw; none of none."""
    times_ms = np.fromiter(times_s, np.float64) * 1_000
    if not times_ms.size:
        return ()
    found = np.quantile(times_ms, np.linspace(0, 1, 101), method="higher")
    return tuple(round(float(value), 3) for value in found)
