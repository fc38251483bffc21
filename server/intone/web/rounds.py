"""What came in one turn of the event loop is heard in one go."""

from __future__ import annotations

from collections.abc import Callable

Hear = Callable[[], None]
"""Hears what a session was sent; it must not raise."""


class Rounds:
    """Collects who was sent audio, and has them heard one after the other.

    Between two messages the loop does so many other things that the code and tables of the
    front half have left the processor's caches; a session after the other finds them there.
    Nobody waits for a round: it is the next thing that the loop does.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._due: list[Hear] = []

    def join(self, hear: Hear) -> None:
        """Have ``hear`` called in the next round; once for each call of this."""
        if not self._due:
            self._call_soon(self._run)
        self._due.append(hear)

    def _run(self) -> None:
        due, self._due = self._due, []
        for hear in due:
            hear()
