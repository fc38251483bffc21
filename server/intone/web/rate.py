"""How fast a client's audio may come: a token bucket in seconds of audio."""

from __future__ import annotations

from intone.errors import RateLimited


class RateLimiter:
    """Lets ``burst_s`` of audio through at once, and ``rate`` audio seconds a second."""

    def __init__(self, rate: float, burst_s: float, now_s: float) -> None:
        self._rate = rate
        self._burst_s = burst_s
        self._allowed_s = burst_s
        self._refilled_at_s = now_s

    def take(self, audio_s: float, now_s: float) -> None:
        """Spend ``audio_s`` at the clock's ``now_s``; raise :class:`RateLimited` if over."""
        refill_s = (now_s - self._refilled_at_s) * self._rate
        self._allowed_s = min(self._burst_s, self._allowed_s + refill_s)
        self._refilled_at_s = now_s
        if audio_s > self._allowed_s:
            raise RateLimited(
                f"audio may come at {self._rate:g} times real time after the first "
                f"{self._burst_s:g} s"
            )
        self._allowed_s -= audio_s
