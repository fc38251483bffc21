"""Linear heads: what they are, and their fit to statistics of clips."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a head's weights cost, on standardised statistics, in units of a row's mean loss."""

    size: float
    """On half the squared weights."""
    change: float = 0.0
    """On half the squared logits of what was changed: see :func:`fit`."""

    def __post_init__(self) -> None:
        if not (self.size > 0 and self.change >= 0):
            raise ValueError(f"a head's size costs more than 0 and a change at least 0: {self}")


def fit(
    statistics: FloatArray, asked: Asked, penalty: Penalty, changes: FloatArray | None = None
) -> FloatArray:
    """Return the head (statistics + 1, labels) of least loss: a multinomial logistic regression.

    ``statistics`` is float32 (n, statistics). ``changes``, float32 (m, statistics), are what
    something that the answer must not depend on did to statistics; that the head hears it is
    penalised (tangent propagation, Simard et al., 1991, of steps that were measured). By L-BFGS
    from zero; zeros, which find every label as likely, where no row counts.
    """
    counted = asked.weights > 0
    if not counted.any():
        return np.zeros((statistics.shape[1] + 1, asked.shares.shape[1]), np.float32)
    rows, weights = statistics[counted], asked.weights[counted] / asked.weights.sum()
    allowed, shares = asked.allowed[counted], asked.shares[counted]
    mean, std = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    standard = (rows - mean) / std
    root = _root_of_penalty(std, penalty, changes)
    if root is not None:
        # In these coordinates both penalties are on half the squared weights.
        standard = solve_triangular(root, standard.T, lower=True).T
    labels = shares.shape[1]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = flat.reshape(-1, labels).astype("f4")
        said = _log_softmax(standard @ head[:-1] + head[-1] + allowed)
        wrong = (np.exp(said) - shares) * weights[:, None]
        slope = np.concatenate(
            [standard.T @ wrong + penalty.size * head[:-1], wrong.sum(axis=0)[None]]
        )
        # What is not allowed has no share: nothing times a large number.
        heard = float((weights * (shares * said).sum(axis=1)).sum())
        size = float(np.square(head[:-1], dtype="f8").sum())
        return penalty.size / 2 * size - heard, slope.ravel().astype("f8")

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
    std: FloatArray, penalty: Penalty, changes: FloatArray | None
) -> FloatArray | None:
    """Return the lower root of the penalties' quadratic form over ``penalty.size``, if not 1."""
    if changes is None or not len(changes) or not penalty.change:
        return None
    steps = (changes / std).astype("f8")
    form = steps.T @ steps * (penalty.change / penalty.size / len(steps))
    form[np.diag_indices_from(form)] += 1.0
    root: FloatArray = cholesky(form, lower=True).astype("f4")
    return root


def _log_softmax(logits: FloatArray) -> FloatArray:
    below = logits - logits.max(axis=1, keepdims=True)
    said: FloatArray = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return said
