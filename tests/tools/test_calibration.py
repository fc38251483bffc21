import numpy as np
import pytest

from intone_lab.calibration import (
    cross_fitted,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    probabilities,
)


def overconfident(count: int, temperature: float, seed: int = 0):
    """Logits that are right as often as their softmax over ``temperature`` says."""
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal((count, 8)) * 2 * temperature).astype("f4")
    said = probabilities(logits, temperature)
    truth = np.array([rng.choice(8, p=row) for row in said])
    return logits, truth


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    logits, truth = overconfident(4_000, temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.08)


def test_calibration_lowers_the_error_on_others():
    logits, truth = overconfident(4_000, 2.5)
    before = expected_calibration_error(probabilities(logits, 1.0), truth)
    groups = [(logits[i::5], truth[i::5]) for i in range(5)]
    said, joined, answered = cross_fitted(groups, worth=1 / 3)
    after = expected_calibration_error(said, joined)
    assert after < 0.04
    assert before > 0.1
    assert (said.argmax(axis=1) == joined)[answered].mean() > (said.argmax(axis=1) == joined).mean()


def test_a_perfectly_calibrated_coin_has_no_error():
    said = np.tile([0.75, 0.25], (400, 1))
    truth = np.array([0, 0, 0, 1] * 100)
    assert expected_calibration_error(said, truth) == pytest.approx(0.0)
    assert expected_calibration_error(said, np.ones(400, int)) == pytest.approx(0.75)


def test_the_threshold_rejects_poor_answers_only_and_never_many():
    logits, truth = overconfident(4_000, 1.0)
    threshold = fit_threshold(logits, truth, 1.0, worth=1 / 3)
    confidence = probabilities(logits, 1.0).max(axis=1)
    right = logits.argmax(axis=1) == truth
    rejected = confidence <= threshold
    assert 0 < rejected.mean() <= 0.05
    assert right[rejected].mean() <= 1 / 3 + 0.01
    assert fit_threshold(logits, logits.argmax(axis=1), 1.0, worth=1 / 3) == 0.0
