"""The heads of the pretrained model: a logistic regression with masks and weights."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from intone_lab.heads.regression import Asked, Unsought, fit
from intone_lab.targets import ABSENT


def rows(count=300, width=12, labels=3):
    rng = np.random.default_rng(5)
    truth = rng.integers(labels, size=count)
    statistics = rng.normal(0, 1, (count, width)) + 0.8 * np.eye(labels, width)[truth]
    return (5 * statistics + 2).astype("f4"), truth


def asked(truth, labels, allowed=None):
    shares = np.eye(labels, dtype="f4")[truth]
    allowed = np.zeros_like(shares) if allowed is None else allowed
    return Asked(allowed, shares, np.ones(len(truth), "f4"))


def said_by(head, statistics):
    logits = statistics @ head[:-1] + head[-1]
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_a_head_is_the_logistic_regression_of_its_statistics():
    statistics, truth = rows()
    head = fit(statistics, asked(truth, 3), 0.05)
    standard = (statistics - statistics.mean(axis=0)) / statistics.std(axis=0)
    # There the loss is a sum over clips, and the penalty 1 / C.
    known = LogisticRegression(C=1 / (0.05 * len(truth)), tol=1e-8, max_iter=1_000)
    expected = known.fit(standard, truth).predict_proba(standard)
    np.testing.assert_allclose(said_by(head, statistics), expected, atol=0.02)


def test_clips_that_count_for_nothing_are_not_heard():
    statistics, truth = rows()
    spoilt = statistics.copy()
    spoilt[200:] = 99.0
    some = replace(asked(truth, 3), weights=(np.arange(300) < 200).astype("f4"))
    np.testing.assert_array_equal(fit(statistics, some, 0.05), fit(spoilt, some, 0.05))


def test_where_nothing_counts_nothing_is_learnt():
    statistics, truth = rows()
    nothing = replace(asked(truth, 3), weights=np.zeros(300, np.float32))
    np.testing.assert_array_equal(fit(statistics, nothing, 0.05), 0.0)


def test_a_label_that_a_corpus_lacks_is_learnt_where_it_is_not_masked_out():
    statistics, truth = rows()
    truth = np.minimum(truth, 1)
    masked = np.zeros((300, 3), "f4")
    masked[:, 2] = ABSENT
    unlearnt = fit(statistics, asked(truth, 3, masked), 0.05)
    np.testing.assert_array_equal(unlearnt[:, 2], 0.0)
    masked[:, 2] = -3.0
    assert fit(statistics, asked(truth, 3, masked), 0.05)[-1, 2] < -0.5


def test_a_head_of_two_penalties_is_the_one_of_least_loss():
    """Against the same sum, minimised in the plain coordinates."""
    statistics, truth = rows(count=120, width=5)
    rng = np.random.default_rng(1)
    changes = (5 * rng.normal(0, 1, (40, 5)) @ rng.normal(0, 1, (5, 5))).astype("f4")
    unsought = [Unsought(changes, 0.3), Unsought(changes[:3] * 2, 0.1)]
    std = statistics.std(axis=0)
    standard = (statistics - statistics.mean(axis=0)) / std

    def loss(flat):
        head = flat.reshape(6, 3)
        said = said_by(head, standard)
        sizes = 0.05 * np.square(head[:-1]).sum()
        heard = sum(
            one.penalty * np.square(one.steps / std @ head[:-1]).sum(axis=1).mean()
            for one in unsought
        )
        return (sizes + heard) / 2 - np.log(said[np.arange(120), truth]).mean()

    least = minimize(loss, np.zeros(18)).x.reshape(6, 3)
    head = fit(statistics, asked(truth, 3), 0.05, unsought)
    np.testing.assert_allclose(said_by(head, statistics), said_by(least, standard), atol=5e-3)


def test_what_was_changed_is_heard_less():
    statistics, truth = rows()
    changes = np.zeros((7, 12), "f4")
    changes[:, 0] = 20.0
    free, bound = (
        fit(statistics, asked(truth, 3), 0.05, [Unsought(changes, cost)]) for cost in (0.0, 10.0)
    )
    assert np.abs(bound[0]).max() < 0.01 * np.abs(free[0]).max()
    assert np.abs(bound[1]).max() > 0.5 * np.abs(free[1]).max()
    plain = fit(statistics, asked(truth, 3), 0.05)
    np.testing.assert_array_equal(free, plain)
    np.testing.assert_array_equal(
        fit(statistics, asked(truth, 3), 0.05, [Unsought(changes[:0], 10.0)]), plain
    )


@pytest.mark.parametrize(
    ("size", "unsought"), [(0.0, 0.1), (-1.0, 0.0), (0.1, -1.0), (float("nan"), 0.0)]
)
def test_penalties_that_make_no_sense_are_refused(size, unsought):
    statistics, truth = rows()
    with pytest.raises(ValueError, match="a head's size costs more than 0"):
        fit(statistics, asked(truth, 3), size, [Unsought(statistics[:2], unsought)])
