"""How fast a client may send: audio is refused over its limit, messages are left waiting."""

from __future__ import annotations

from intone.errors import RateLimited

_PACER_BURST_S = 0.1
"""Messages that are taken in one go, as time at the limit: others wait for 3 ms at most."""


class RateLimiter:
    """A token bucket in seconds of audio.

    Lets ``burst_s`` of audio through at once, and ``rate`` audio seconds a second.
    """

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


class MessagePacer:
    """A token bucket in messages; one who sends more is read more slowly, and loses nothing."""

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = max(per_s * _PACER_BURST_S, 1.0)
        self._left = self._burst
        self._refilled_at_s = now_s

    def take_at_once(self, now_s: float) -> bool:
        """Count a message at the clock's ``now_s``, unless a wait would follow it."""
        self._refill(now_s)
        if self._left < 2.0:
            return False
        self._left -= 1.0
        return True

    def take(self, now_s: float) -> float:
        """Count a message at the clock's ``now_s``; return the seconds to wait before the next."""
        self._refill(now_s)
        self._left -= 1.0
        # Half of what fits, at once: waking up for each would cost more than the message.
        return 0.0 if self._left >= 1.0 else (self._burst / 2 - self._left) / self._per_s

    def _refill(self, now_s: float) -> None:
        refill = (now_s - self._refilled_at_s) * self._per_s
        self._left = min(self._burst, self._left + refill)
        self._refilled_at_s = now_s
