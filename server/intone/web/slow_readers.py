"""Connections whose answers nobody takes: closing them would wait for that, for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Generic, Protocol, TypeVar

from aiohttp import web

from intone.web.http_input import PacedRequests

log = logging.getLogger(__name__)

STUCK_S = 30.0
"""How long an answer may lie without a byte of it being taken. Sessions have a limit of their own,
which is shorter, and says so."""

_LOOKS = 4
"""In that time: a connection lives up to a quarter longer."""


class _Reader(Protocol):
    @property
    def untaken_bytes(self) -> int: ...


_Connection = TypeVar("_Connection", bound=_Reader)


class SlowReaders(Generic[_Connection]):
    """Knows since when how much has been lying for whom."""

    def __init__(self) -> None:
        self._lying: dict[_Connection, tuple[int, float]] = {}

    def stuck(self, connections: Iterable[_Connection], now_s: float) -> list[_Connection]:
        """Return those of the open ``connections`` that have taken nothing for too long."""
        before, self._lying = self._lying, {}
        for connection in connections:
            untaken = connection.untaken_bytes
            if untaken:
                lay, since_s = before.get(connection, (0, now_s))
                self._lying[connection] = untaken, since_s if lay == untaken else now_s
        return [one for one, (_, since_s) in self._lying.items() if now_s - since_s >= STUCK_S]


async def aborted(runner: web.AppRunner, _: web.Application) -> AsyncIterator[None]:
    """Clean-up context of what ``runner`` runs: connections that are stuck are dropped."""
    watching = asyncio.create_task(_watch(runner))
    yield
    watching.cancel()


async def _watch(runner: web.AppRunner) -> None:
    readers = SlowReaders[PacedRequests]()
    while True:
        await asyncio.sleep(STUCK_S / _LOOKS)
        every = [] if runner.server is None else runner.server.connections
        paced = [connection for connection in every if isinstance(connection, PacedRequests)]
        stuck = readers.stuck(paced, time.monotonic())
        for connection in stuck:
            connection.abort()
        if stuck:
            log.info("connections closed that took no answer", extra={"count": len(stuck)})
