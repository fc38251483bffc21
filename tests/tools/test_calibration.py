from itertools import pairwise

import numpy as np
import pytest

from intone_lab.calibration import (
    Bin,
    accuracy_by_coverage,
    aurc,
    brier_score,
    cross_calibrations,
    error_by_chance,
    expected_calibration_error,
    fit_temperature,
    fit_threshold,
    probabilities,
    reliability,
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
    groups = [(logits[i::5], truth[i::5]) for i in range(5)]
    for (own, labels), calibration in zip(groups, cross_calibrations(groups, 1 / 3), strict=True):
        before = expected_calibration_error(probabilities(own, 1.0), labels)
        after = expected_calibration_error(probabilities(own, calibration.temperature), labels)
        assert before > 0.1
        assert after < 0.06


def test_no_group_has_a_part_in_its_own_calibration():
    logits, truth = overconfident(2_000, 2.0)
    groups = [(logits[i::4], truth[i::4]) for i in range(4)]
    poisoned = [*groups[:3], (groups[3][0], (groups[3][1] + 1) % 8)]
    as_it_is, changed = (cross_calibrations(some, 1 / 3) for some in (groups, poisoned))
    assert changed[3] == as_it_is[3]
    assert changed[0] != as_it_is[0]


def test_a_perfectly_calibrated_coin_has_no_error():
    said = np.tile([0.75, 0.25], (400, 1))
    truth = np.array([0, 0, 0, 1] * 100)
    assert expected_calibration_error(said, truth) == pytest.approx(0.0)
    assert expected_calibration_error(said, np.ones(400, int)) == pytest.approx(0.75)


def test_what_chance_adds_to_the_error_is_what_right_answers_measure():
    measured, expected = [], []
    for seed in range(60):
        logits, truth = overconfident(300, 1.0, seed)
        said = probabilities(logits, 1.0)
        measured.append(expected_calibration_error(said, truth))
        expected.append(error_by_chance(reliability(said, truth)))
    assert np.mean(measured) == pytest.approx(np.mean(expected), rel=0.05)
    assert np.mean(measured) > 0.05


@pytest.mark.parametrize(
    ("answers", "confidence", "expected"), [(1, 0.5, 0.5), (2, 0.5, 0.25), (7, 1.0, 0.0)]
)
def test_chance_in_a_single_bin(answers, confidence, expected):
    by_chance = error_by_chance([Bin(confidence, 0.0, answers)])
    assert by_chance == pytest.approx(expected)


def test_of_no_answers_chance_adds_nothing():
    assert error_by_chance([]) == 0.0


def test_the_threshold_rejects_poor_answers_only_and_never_many():
    logits, truth = overconfident(4_000, 1.0)
    threshold = fit_threshold(logits, truth, 1.0, worth=1 / 3)
    confidence = probabilities(logits, 1.0).max(axis=1)
    right = logits.argmax(axis=1) == truth
    rejected = confidence <= threshold
    assert 0 < rejected.mean() <= 0.05
    assert right[rejected].mean() <= 1 / 3 + 0.01
    assert fit_threshold(logits, logits.argmax(axis=1), 1.0, worth=1 / 3) == 0.0


def test_the_bins_hold_every_answer_once():
    logits, truth = overconfident(500, 1.0)
    said = probabilities(logits, 1.0)
    bins = reliability(said, truth)
    assert sum(b.answers for b in bins) == 500
    right = (said.argmax(axis=1) == truth).mean()
    assert sum(b.right * b.answers for b in bins) / 500 == pytest.approx(right)
    assert all(a.confidence < b.confidence for a, b in pairwise(bins))


def test_the_brier_score_by_hand():
    said = np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0]])
    assert brier_score(said, np.array([0, 2])) == pytest.approx(((0.09 + 0.04 + 0.01) + 1.5) / 2)
    assert brier_score(np.eye(3), np.arange(3)) == 0.0


def test_coverage_takes_the_most_confident_first():
    said = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.45, 0.55]])
    truth = np.array([1, 0, 1, 1])
    assert accuracy_by_coverage(said, truth).tolist() == pytest.approx([1.0, 1.0, 2 / 3, 0.75])
    assert aurc(said, truth) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
