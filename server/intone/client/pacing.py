"""How fast a file may be sent: pure, no clock and no socket."""

from __future__ import annotations

from typing import Protocol

_SHARE = 0.8
"""Of what the server allows: its clock and ours do not tick together."""


class Pacing(Protocol):
    """Says how long to wait before a piece of audio may be sent."""

    def delay_s(self, audio_s: float, now_s: float) -> float:
        """Count ``audio_s`` as sent after the returned wait; ``now_s`` is any steady clock."""
        ...


class BurstPacing:
    """A token bucket of audio seconds, kept a little smaller than the server's own."""

    def __init__(self, max_rate: float, burst_s: float) -> None:
        self._rate = max_rate * _SHARE
        self._burst_s = burst_s * _SHARE
        self._tokens_s = self._burst_s
        self._last_s: float | None = None

    def delay_s(self, audio_s: float, now_s: float) -> float:
        """See :class:`Pacing`."""
        if self._last_s is not None:
            earned_s = (now_s - self._last_s) * self._rate
            self._tokens_s = min(self._burst_s, self._tokens_s + earned_s)
        self._last_s = now_s
        self._tokens_s -= audio_s
        return max(0.0, -self._tokens_s / self._rate)


_MOST_ARREARS_S = 1.0
"""After a stall: what comes later than that is not made up for, as nobody speaks faster then."""


class RealTimePacing:
    """Sends audio when it would have been spoken: a microphone has a block when it has ended."""

    def __init__(self) -> None:
        self._sent_s = 0.0
        self._start_s: float | None = None

    def delay_s(self, audio_s: float, now_s: float) -> float:
        """See :class:`Pacing`."""
        if self._start_s is None:
            self._start_s = now_s
        self._start_s = max(self._start_s, now_s - self._sent_s - _MOST_ARREARS_S)
        self._sent_s += audio_s
        return max(0.0, self._sent_s - (now_s - self._start_s))
