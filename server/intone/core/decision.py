"""Logits to a calibrated answer, or to ``unsure``.

Temperature scaling after Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from intone.errors import SettingsError
from intone.types import UNSURE, Decision, FloatArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a head's logits become probabilities, and from where on they are believed."""

    temperature: float = 1.0
    threshold: float = 0.0
    """Confidence under which the label is ``unsure``; 0 never abstains."""

    def __post_init__(self) -> None:
        # Far beyond what any fit gives, and far from where exponentials run over.
        if not 0.01 <= self.temperature <= 100:
            raise SettingsError(f"temperature must be between 0.01 and 100, not {self.temperature}")
        if not 0 <= self.threshold <= 1:
            raise SettingsError(f"threshold must be between 0 and 1, not {self.threshold}")


def decide(logits: FloatArray, labels: Sequence[str], calibration: Calibration) -> Decision:
    """Return the answer for float32 ``logits`` (labels,)."""
    # Of so few numbers, plain Python's arithmetic is a quarter of numpy's.
    scaled = [logit / calibration.temperature for logit in logits.tolist()]
    highest = max(scaled)
    exponentials = [math.exp(value - highest) for value in scaled]
    total = math.fsum(exponentials)
    scores = {label: e / total for label, e in zip(labels, exponentials, strict=True)}
    best = max(scores, key=scores.__getitem__)
    label = best if scores[best] >= calibration.threshold else UNSURE
    return Decision(label, scores[best], scores)
