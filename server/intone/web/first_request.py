"""Connections that ask for nothing: aiohttp would wait for their first request for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from typing import Any

from aiohttp import web

from intone.web.responses import Handler

log = logging.getLogger(__name__)

FIRST_REQUEST_S = 30.0
"""How long a connection may take to ask for something, headers and all.

Each holds one of the files that the process may have open. Browsers open connections ahead, and
open another where one was closed.
"""

_LOOKS = 4
"""In that time: a connection lives up to a quarter longer."""

_Connection = Any
"""aiohttp's protocol of one connection."""


class FirstRequests:
    """Knows which connections have asked for something, and which are late to."""

    def __init__(self) -> None:
        self._asked: set[_Connection] = set()
        self._since_s: dict[_Connection, float] = {}

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Middleware: whoever comes here has asked."""
        self._asked.add(request.protocol)
        return await handler(request)

    def late(self, connections: Collection[_Connection], now_s: float) -> list[_Connection]:
        """Return those of the open ``connections`` that have been silent for too long."""
        self._asked.intersection_update(connections)
        self._since_s = {
            connection: self._since_s.get(connection, now_s)
            for connection in connections
            if connection not in self._asked
        }
        return [
            connection
            for connection, since_s in self._since_s.items()
            if now_s - since_s >= FIRST_REQUEST_S
        ]


FIRST_REQUESTS = web.AppKey("first_requests", FirstRequests)


async def watched(runner: web.AppRunner, app: web.Application) -> AsyncIterator[None]:
    """Clean-up context of ``app``, which ``runner`` runs: silent connections are closed."""
    watching = asyncio.create_task(_watch(runner, app[FIRST_REQUESTS]))
    yield
    watching.cancel()


async def _watch(runner: web.AppRunner, first_requests: FirstRequests) -> None:
    while True:
        await asyncio.sleep(FIRST_REQUEST_S / _LOOKS)
        if runner.server is None:
            continue
        late = first_requests.late(runner.server.connections, time.monotonic())
        for connection in late:
            connection.force_close()
        if late:
            log.info("connections closed that asked for nothing", extra={"count": len(late)})
