"""What waits to be sent to one client: bounded, sent in order by its own task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from intone.errors import SlowConsumer

MAX_WAITING = 1_000
"""Messages, besides what the socket holds: minutes of events of a talking client, 0.5 MB."""

CROWDED = 100
"""Messages over which a client had better be listened to no further: it asks faster than the
socket takes answers. The rest is left to what the engine has still to say."""


class Outbox:
    """Sends texts through ``send`` one after the other.

    A client that takes nothing for ``timeout_s``, or lets :data:`MAX_WAITING` messages
    gather, is not reading: ``on_slow`` is told. A send is never cancelled: aiohttp's senders
    wait on one future, which stays cancelled for all that come after.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        timeout_s: float,
        on_slow: Callable[[SlowConsumer], None],
    ) -> None:
        self._send = send
        self._timeout_s = timeout_s
        self._on_slow = on_slow
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._is_closed = False

    def put(self, text: str) -> None:
        """Queue ``text``, unless too much waits already."""
        if self._is_closed:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._on_slow(SlowConsumer(f"{MAX_WAITING} messages wait to be read"))
            return
        self._waiting.append(text)
        self._filled.set()
        self._emptied.clear()

    async def run(self) -> None:
        """Send until cancelled; return when the client is gone."""
        loop = asyncio.get_running_loop()
        slow = SlowConsumer(f"no message was read for {self._timeout_s:g} s")
        try:
            while True:
                await self._filled.wait()
                text = self._waiting.popleft()
                overdue = loop.call_later(self._timeout_s, self._on_slow, slow)
                try:
                    await self._send(text)
                finally:
                    overdue.cancel()
                if not self._waiting:
                    self._filled.clear()
                    self._emptied.set()
        except ConnectionError:
            self.close()

    @property
    def is_crowded(self) -> bool:
        """Whether more than :data:`CROWDED` messages wait."""
        return len(self._waiting) > CROWDED

    async def drain(self) -> None:
        """Wait until everything is sent, or can no longer be."""
        await self._emptied.wait()

    def close(self) -> None:
        """Forget what waits, and take nothing more."""
        self._is_closed = True
        self.clear()

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._filled.clear()
        self._emptied.set()
