"""A model that answers at the end, in memory only once somebody speaks to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from intone.core.card import Card
from intone.core.recogniser import Recogniser, StepOutput, UtteranceRecogniser
from intone.types import FloatArray, Scores


class OnDemand:
    """Makes the recogniser with its first block, and again with the first after :meth:`rest`.

    An interpreter keeps its weights a second time, arranged for the processor, and room for what
    it works out. Of the several models that a server offers most are never asked for. Making one
    takes a tenth of a second, while its first utterance is still spoken.
    """

    def __init__(self, card: Card, make: Callable[[], Recogniser]) -> None:
        """``make`` returns an :class:`UtteranceRecogniser`; what it raises, a step raises."""
        self._card = card
        self._make = make
        self._made: UtteranceRecogniser | None = None
        self._lock = threading.Lock()

    @property
    def card(self) -> Card:
        """The model's card."""
        return self._card

    @property
    def is_resting(self) -> bool:
        """Whether there is no recogniser now."""
        return self._made is None

    def rest(self) -> None:
        """Let go of the recogniser; calls that are under way still finish."""
        with self._lock:
            self._made = None

    def step(self, windows: FloatArray, states: Sequence[FloatArray]) -> StepOutput:
        """See :class:`intone.core.recogniser.Recogniser`."""
        return self.wake().step(windows, states)

    def finish(self, state: FloatArray) -> Scores:
        """See :class:`intone.core.recogniser.UtteranceRecogniser`."""
        return self.wake().finish(state)

    def wake(self) -> UtteranceRecogniser:
        """Return the recogniser, made if there is none."""
        with self._lock:
            if self._made is None:
                made = self._make()
                assert isinstance(made, UtteranceRecogniser)
                self._made = made
            return self._made
