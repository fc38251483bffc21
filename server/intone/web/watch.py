"""Watches a connection on which nothing happens: one timer, however much comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

HEARTBEAT_S = 20.0
"""Proxies drop a silent connection after 30 to 120 s; half of this again ends a dead one."""


class Timer(Protocol):
    """What may still be called off."""

    def cancel(self) -> None:
        """Call it off."""
        ...


CallLater = Callable[[float, Callable[[], None]], Timer]


class Watch:
    """Pings a client that sends nothing, and tells when it is idle or dead.

    A timer that is set anew with every message would cost as much as reading it.
    """

    def __init__(
        self,
        idle_timeout_s: float,
        *,
        ping: Callable[[], None],
        on_idle: Callable[[], None],
        on_dead: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        call_later: CallLater | None = None,
    ) -> None:
        """Begin to watch; ``on_idle`` and ``on_dead`` are called once at most, and end it.

        ``call_later`` is the running loop's unless told.
        """
        self._idle_timeout_s = idle_timeout_s
        self._ping = ping
        self._on_idle = on_idle
        self._on_dead = on_dead
        self._clock = clock
        self._call_later = call_later or asyncio.get_running_loop().call_later
        self._message_s = self._frame_s = clock()
        self.is_reading = True
        """A client that is not read cannot be told from a silent one: it is not judged."""
        self._is_asked = False
        self._timer = self._call_later(min(idle_timeout_s, HEARTBEAT_S), self._look)

    def message(self, now_s: float) -> None:
        """A message came, by the clock's ``now_s``."""
        self._message_s = now_s

    def frame(self) -> None:
        """A frame came that is no message: a ping or a pong."""
        self._frame_s = self._clock()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _look(self) -> None:
        now_s = self._clock()
        if not self.is_reading:
            self._message_s = now_s
        idle_at_s = self._message_s + self._idle_timeout_s
        quiet_at_s = max(self._message_s, self._frame_s) + HEARTBEAT_S
        dead_at_s = quiet_at_s + HEARTBEAT_S / 2
        if now_s >= idle_at_s:
            self._on_idle()
            return
        if now_s < quiet_at_s:
            self._is_asked = False
        elif not self._is_asked:
            self._is_asked = True
            self._ping()
        elif now_s >= dead_at_s:
            self._on_dead()
            return
        next_s = min(idle_at_s, dead_at_s if self._is_asked else quiet_at_s)
        self._timer = self._call_later(max(next_s - now_s, 0.001), self._look)
