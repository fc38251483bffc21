"""Events on their way to whoever iterates over a stream."""

from __future__ import annotations

import asyncio

from intone.client.events import StreamEvent
from intone.errors import SlowConsumer

MAX_WAITING_EVENTS = 10_000
"""An hour of two speakers' interims and results: who takes none for so long never will."""


class Inbox:
    """A bounded queue with an end."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[StreamEvent | None] = asyncio.Queue()

    def put(self, event: StreamEvent) -> None:
        """Add an event; raise :class:`SlowConsumer` where nobody takes them."""
        if self._events.qsize() >= MAX_WAITING_EVENTS:
            raise SlowConsumer(f"{MAX_WAITING_EVENTS} events wait and nobody takes them")
        self._events.put_nowait(event)

    def end(self) -> None:
        """Say that no event follows."""
        self._events.put_nowait(None)

    async def take(self) -> StreamEvent | None:
        """Return the next event; None for ever after the last."""
        event = await self._events.get()
        if event is None:
            self.end()
        return event
