"""An epoch of training, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

Batch = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""Inputs, targets and sample weights, by name."""


def run_epoch(model: keras.Model, batches: Iterable[Batch]) -> float:
    """Train ``model`` on one batch after the other; return their mean loss.

    Keras's own ``fit`` hands batches through TensorFlow's pipeline, which is not for this: at the
    end of each epoch the pipeline waits until it would have tuned itself again, as long as the
    epoch took at worst, and it has glibc give freed memory back at once, so that each step takes
    its arrays from the system anew.
    """
    losses = []
    for inputs, targets, weights in batches:
        logs = model.train_on_batch(inputs, targets, sample_weight=weights, return_dict=True)
        losses.append(float(logs["loss"]))
        model.reset_metrics()
    return float(np.mean(losses))


def reseed(model: keras.Model, seed: int, epoch: int = 0) -> None:
    """Have dropout draw by layer, ``seed`` and ``epoch`` from here on.

    Keras does not save where its generators are: a model that was loaded would draw otherwise
    than the one that was saved, and each time anew.
    """
    for index, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([seed * 1_000 + index, epoch << 16])


class Progress:
    """How far a training is: a line an epoch."""

    def __init__(self, name: str, epochs: int, done: int = 0) -> None:
        """Take how many of ``epochs`` were ``done`` before."""
        self._name, self._epochs, self._first = name, epochs, done
        self._started_s = time.monotonic()

    def line(self, done: int, loss: float) -> str:
        """Return how far it is with ``done`` epochs, how long still, the loss of the last."""
        spent_s = time.monotonic() - self._started_s
        left_s = spent_s / (done - self._first) * (self._epochs - done)
        return (
            f"{self._name}: epoch {done}/{self._epochs}, loss {loss:.3f}, "
            f"{spent_s:.0f} s, about {left_s:.0f} s to go"
        )
