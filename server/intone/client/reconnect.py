"""When a lost connection is tried again, and how soon: pure, no clock and no socket."""

from __future__ import annotations

import random
from dataclasses import dataclass

from intone.errors import SettingsError

RETRYABLE_CLOSE_CODES = frozenset({1001, 1006, 1011, 1012, 1013})
"""Going away, lost, internal error, restart, try again later; 1008 (policy) is final."""


def is_retryable_status(status: int) -> bool:
    """Whether an HTTP refusal may be different next time."""
    return status in (408, 429) or 500 <= status <= 599


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How a client comes back without a crowd of them coming back at once."""

    first_delay_s: tuple[float, float] = (1.0, 5.0)
    """The first delay is uniform between these: a restarted server is not stormed."""
    factor: float = 1.3
    max_delay_s: float = 10.0
    max_tries: int = 30
    """Some five minutes, as long as a restart may reasonably take."""
    reset_after_s: float = 5.0
    """A connection that stayed up this long was good: counting starts anew."""

    def __post_init__(self) -> None:
        low, high = self.first_delay_s
        if not 0 <= low <= high:
            raise SettingsError(f"first_delay_s must be two growing delays, not {low} and {high}")
        if self.factor < 1 or self.max_delay_s < 0 or self.max_tries < 1 or self.reset_after_s < 0:
            raise SettingsError("factor and max_tries must be at least 1, the times at least 0")


class Backoff:
    """The delays of one run of tries."""

    def __init__(self, policy: ReconnectPolicy, rng: random.Random | None = None) -> None:
        self._policy = policy
        self._rng = rng or random.Random()
        self.tries = 0
        self._delay_s = 0.0

    def next_delay_s(self) -> float | None:
        """Return how long to wait before the next try; None when there were enough."""
        if self.tries >= self._policy.max_tries:
            return None
        self.tries += 1
        if self.tries == 1:
            self._delay_s = self._rng.uniform(*self._policy.first_delay_s)
        else:
            self._delay_s *= self._policy.factor
        self._delay_s = min(self._delay_s, self._policy.max_delay_s)
        return self._delay_s

    def was_up(self, duration_s: float) -> None:
        """Take note of a connection that lasted ``duration_s``."""
        if duration_s >= self._policy.reset_after_s:
            self.tries = 0
