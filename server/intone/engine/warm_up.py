"""A model's first runs, before anybody waits for it."""

from __future__ import annotations

import timeit

import numpy as np

from intone.core.recogniser import Recogniser, UtteranceRecogniser, checked_finish, checked_step

_TIMED_STEPS = 5
"""The quickest tells how long a step takes: on a busy machine any may look slow, and the model
would be taken for a slow one for as long as the server runs."""


def warm_up(recogniser: Recogniser, largest: int) -> float:
    """Run batches of every size up to ``largest``; return the seconds that a step of those takes.

    Raises :class:`intone.errors.ModelError` for answers that are none for the model's card.
    """
    card, size = recogniser.card, 1
    while True:
        windows = np.zeros((size, card.shape.window), np.float32)
        states = [np.zeros(card.state_size, np.float32)] * size
        output = checked_step(recogniser, windows, states)
        if size == largest:
            break
        size = min(2 * size, largest)
    if isinstance(recogniser, UtteranceRecogniser):
        checked_finish(recogniser, output.states[0])
    return min(
        timeit.repeat(lambda: recogniser.step(windows, states), number=1, repeat=_TIMED_STEPS)
    )
