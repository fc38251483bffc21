"""Places of one kind: how many are held, of how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intone.errors import Overloaded


class Places:
    """Counts what is there of one kind; whoever holds a place asks for the refusal before."""

    def __init__(self, most: int, when_full: str, on_left: Callable[[], None]) -> None:
        """``when_full`` is the refusal's sentence, with ``{}`` for how many there are."""
        self._most = most
        self._when_full = when_full
        self._on_left = on_left
        self.held = 0

    def refusal(self) -> Overloaded | None:
        """Return what one more would be refused with; None: there is room."""
        return Overloaded(self._when_full.format(self.held)) if self.held >= self._most else None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a place."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
            self._on_left()
