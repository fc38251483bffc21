import numpy as np
import pytest

from intone.core.decision import Calibration, decide
from intone.errors import SettingsError

LABELS = ("low", "mid", "high")
LOGITS = np.array([0.0, 1.0, 3.0], "f4")


def test_scores_are_complete_in_order_and_sum_to_one():
    decision = decide(LOGITS, LABELS, Calibration())
    assert list(decision.scores) == list(LABELS)
    assert sum(decision.scores.values()) == pytest.approx(1.0)
    assert decision.label == "high"
    assert decision.confidence == decision.scores["high"]


def test_temperature_softens_and_keeps_the_order():
    sharp = decide(LOGITS, LABELS, Calibration(temperature=0.5))
    soft = decide(LOGITS, LABELS, Calibration(temperature=4.0))
    assert sharp.confidence > soft.confidence
    assert soft.confidence == pytest.approx(np.exp(0.75) / np.exp([0, 0.25, 0.75]).sum())


def test_under_the_threshold_it_is_unsure_and_at_it_it_is_not():
    confidence = decide(LOGITS, LABELS, Calibration()).confidence
    assert decide(LOGITS, LABELS, Calibration(threshold=confidence)).label == "high"
    unsure = decide(LOGITS, LABELS, Calibration(threshold=confidence + 1e-9))
    assert unsure.label == "unsure"
    assert unsure.confidence == confidence


def test_huge_logits_do_not_overflow():
    assert decide(LOGITS * 1e30, LABELS, Calibration()).confidence == 1.0


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0}, {"temperature": 1e-320}, {"temperature": -1}, {"threshold": 1.1}]
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(SettingsError):
        Calibration(**wrong)
