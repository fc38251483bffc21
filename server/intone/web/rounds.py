"""What many sessions send is read and heard together: the more so, the busier the server is."""

from __future__ import annotations

import time
from collections.abc import Callable

Hear = Callable[[], None]
"""Hears what a session was sent; it must not raise."""

Clock = Callable[[], float]

_MEASURED_OVER_S = 0.25
_BUSY_FROM, _BUSY_TO = 0.35, 0.7
"""Of the thread's time: where messages begin to gather, and where they gather longest."""
_SHORTEST_REST_S = 0.0005
"""Going to sleep and waking up cost a tenth of this."""


class Pace:
    """How long a round lasts, at least, from how busy the thread is that calls this."""

    def __init__(
        self, longest_s: float, clock: Clock = time.monotonic, busy_clock: Clock = time.thread_time
    ) -> None:
        self._longest_s = longest_s
        self._clock, self._busy_clock = clock, busy_clock
        self._since_s, self._busy_since_s = clock(), busy_clock()
        self.round_s = 0.0

    def update(self) -> None:
        """Look again, if it is time to."""
        now_s = self._clock()
        if now_s - self._since_s < _MEASURED_OVER_S:
            return
        busy_s = self._busy_clock()
        share = (busy_s - self._busy_since_s) / (now_s - self._since_s)
        self._since_s, self._busy_since_s = now_s, busy_s
        above = (share - _BUSY_FROM) / (_BUSY_TO - _BUSY_FROM)
        self.round_s = self._longest_s * min(max(above, 0.0), 1.0)


class Rounds:
    """Collects who was sent audio, and has them heard one after the other.

    A session after the other finds the front half's code and tables in the core's caches,
    while between two messages the loop does so much else that they leave. On a busy server a
    round also rests until its time is over. Meanwhile messages gather in the sockets, and are
    then read with fewer wake-ups and system calls: of short ones, several at once.
    """

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        hurry: Callable[[], bool],
        pace: Pace,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``hurry`` has everything answered that was heard, and says whether that goes on."""
        self._call_soon = call_soon
        self._hurry = hurry
        self._pace = pace
        self._clock, self._sleep = clock, sleep
        self._due: list[Hear] = []
        self._ends_s = 0.0
        self._is_on = False

    def join(self, hear: Hear) -> None:
        """Have ``hear`` called in the next round; once for each call of this."""
        if not self._due and not self._is_on:
            self._call_soon(self._run)
        self._due.append(hear)

    def _run(self) -> None:
        self._pace.update()
        due, self._due = self._due, []
        self._ends_s = self._clock() + self._pace.round_s
        for hear in due:
            hear()
        if self._pace.round_s:
            self._is_on = True
            self._call_soon(self._rest)

    def _rest(self) -> None:
        left_s = self._ends_s - self._clock()
        if left_s > 0 and self._hurry():
            self._call_soon(self._rest)
            return
        if left_s > _SHORTEST_REST_S:
            # The whole thread: what wakes it for each message is what there is to save.
            self._sleep(left_s)
        self._is_on = False
        if self._due:
            self._call_soon(self._run)
