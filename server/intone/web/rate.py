"""How fast a client may send: audio is refused over its limit, messages are left waiting."""

from __future__ import annotations

from intone.errors import RateLimited

_BYTES_A_MESSAGE = 16_384
"""Of a large message count as one more: taking and refusing it costs as much. Half a second of
audio at 16 kHz has as many."""

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
    """A token bucket in messages; one who sends more is read more slowly, and loses nothing.

    A large message counts for several.
    """

    def __init__(self, per_s: float, now_s: float) -> None:
        self._per_s = per_s
        self._burst = max(per_s * _PACER_BURST_S, 1.0)
        self._left = self._burst
        self._refilled_at_s = now_s

    def take_at_once(self, now_s: float, size_bytes: int = 0) -> bool:
        """Count a message at the clock's ``now_s``, unless a wait would follow it."""
        self._refill(now_s)
        count = _count(size_bytes)
        if self._left < count + 1.0:
            return False
        self._left -= count
        return True

    def take(self, now_s: float, size_bytes: int = 0) -> float:
        """Count a message at the clock's ``now_s``; return the seconds to wait before the next."""
        self._refill(now_s)
        self._left -= _count(size_bytes)
        # Half of what fits, at once: waking up for each would cost more than the message.
        return 0.0 if self._left >= 1.0 else (self._burst / 2 - self._left) / self._per_s

    def _refill(self, now_s: float) -> None:
        refill = (now_s - self._refilled_at_s) * self._per_s
        self._left = min(self._burst, self._left + refill)
        self._refilled_at_s = now_s


def _count(size_bytes: int) -> float:
    return 1.0 + size_bytes // _BYTES_A_MESSAGE
