"""Linear heads: what they are, and their fit to statistics of clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from intone.types import FloatArray

_MOST_ROUNDS = 300


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Logits of emotion and of gender from an utterance's statistics."""

    emotion: FloatArray
    """float32 (statistics + 1, emotions), the bias last."""
    gender: FloatArray
    """float32 (statistics + 1, genders), likewise."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What each of some rows is asked for by one head."""

    allowed: FloatArray
    """(n, labels): added to the logits, see :class:`intone_lab.targets.Target`."""
    shares: FloatArray
    """(n, labels): probabilities."""
    weights: FloatArray
    """(n,): how much each row counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Unsought:
    """Something that an answer must not depend on."""

    steps: FloatArray
    """float32 (m, statistics): by how much it moves statistics, as it was measured."""
    penalty: float
    """On half the mean squared logits of the steps, in units of a row's mean loss."""


def fit(
    statistics: FloatArray, asked: Asked, penalty: float, unsought: Sequence[Unsought] = ()
) -> FloatArray:
    """Return the head (statistics + 1, labels) of least loss: a multinomial logistic regression.

    ``statistics`` is float32 (n, statistics). ``penalty`` is on half the squared weights of
    standardised statistics, in units of a row's mean loss; that the head hears what is
    ``unsought`` costs, too (tangent propagation, Simard et al., 1991, along measured steps). By
    L-BFGS from zero; zeros, which find every label as likely, where no row counts. Raises
    :class:`ValueError` for penalties that are none.
    """
    if not (penalty > 0 and all(one.penalty >= 0 for one in unsought)):
        raise ValueError("a head's size costs more than 0, and what is unsought not less")
    counted = asked.weights > 0
    if not counted.any():
        return np.zeros((statistics.shape[1] + 1, asked.shares.shape[1]), np.float32)
    rows, weights = statistics[counted], asked.weights[counted] / asked.weights.sum()
    allowed, shares = asked.allowed[counted], asked.shares[counted]
    mean, std = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    standard = (rows - mean) / std
    root = _root_of_penalty(std, penalty, unsought)
    if root is not None:
        # In these coordinates both penalties are on half the squared weights.
        standard = solve_triangular(root, standard.T, lower=True).T
    labels = shares.shape[1]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = flat.reshape(-1, labels).astype("f4")
        said = _log_softmax(standard @ head[:-1] + head[-1] + allowed)
        wrong = (np.exp(said) - shares) * weights[:, None]
        slope = np.concatenate([standard.T @ wrong + penalty * head[:-1], wrong.sum(axis=0)[None]])
        # What is not allowed has no share: nothing times a large number.
        heard = float((weights * (shares * said).sum(axis=1)).sum())
        size = float(np.square(head[:-1], dtype="f8").sum())
        return penalty / 2 * size - heard, slope.ravel().astype("f8")

    start = np.zeros((rows.shape[1] + 1) * labels)
    options = {"maxiter": _MOST_ROUNDS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    head = found.x.reshape(-1, labels).astype("f4")
    of_standard = head[:-1]
    if root is not None:
        of_standard = solve_triangular(root, of_standard, lower=True, trans="T")
    weights_of_raw = of_standard / std[:, None]
    bias = head[-1] - mean @ weights_of_raw
    return np.concatenate([weights_of_raw, bias[None]])


def _root_of_penalty(
    std: FloatArray, penalty: float, unsought: Sequence[Unsought]
) -> FloatArray | None:
    """Return the lower root of all penalties' quadratic form over ``penalty``, if not 1."""
    there = [one for one in unsought if len(one.steps) and one.penalty]
    if not there:
        return None
    form = np.eye(len(std))
    for one in there:
        steps = (one.steps / std).astype("f8")
        form += steps.T @ steps * (one.penalty / penalty / len(steps))
    root: FloatArray = cholesky(form, lower=True).astype("f4")
    return root


def _log_softmax(logits: FloatArray) -> FloatArray:
    below = logits - logits.max(axis=1, keepdims=True)
    said: FloatArray = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return said
