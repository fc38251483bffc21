"""Bytes of HTTP that take more than their share, and what comes behind a request that is none.

aiohttp's parser reads as fast as a client sends. Of line ends, of a chunk's extension or of chunks
of a byte each, a megabyte takes as long as minutes of audio, and everybody else waits meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage

PIECE_BYTES = 1 << 14
"""Parsed in one go."""
MOST_DISCARDED_BYTES = 1 << 20
"""Read of a client whose request was refused, while the answer is on its way to it."""
_SHARE = 0.25
"""Of the time, that parsing for one connection may take in the long run."""
_NEEDED = (
    *("_upgraded", "_messages", "_reading_paused", "_buffer_paused"),
    *("_pause_transport_reading", "_resume_transport_reading"),
)
_BURST_S = 0.02
"""And at once: more than a request takes, or megabytes of an ordinary upload."""


class PacedRequests(web.RequestHandler):
    """aiohttp's protocol of one connection, which parses in pieces, and rests between them.

    Nothing is different for a connection that has become a WebSocket.
    """

    __slots__ = ("_allowed_s", "_discarded_bytes", "_held", "_is_refused", "_line", "_seen_s")

    def __init__(self, manager: web.Server, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._line: asyncio.Transport | None = None
        """Until it is closed: aiohttp forgets it when it begins to close."""
        self._held = b""
        """What is parsed after a rest."""
        self._is_refused = False
        self._discarded_bytes = 0
        self._allowed_s, self._seen_s = _BURST_S, time.perf_counter()

    @property
    def untaken_bytes(self) -> int:
        """Of answers, besides what the system holds."""
        return 0 if self._line is None else self._line.get_write_buffer_size()

    def abort(self) -> None:
        """Drop the connection, and what its client has not taken."""
        if self._line is not None:
            self._line.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._line = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._line = None
        super().connection_lost(exc)

    @property
    def _is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Take what was read, a piece at a time."""
        if self._upgraded or not data:
            super().data_received(data)
        elif self._is_refused:
            self._discard(len(data))
        elif self._held:
            self._held += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            started_s = time.perf_counter()
            super().data_received(data[start : start + PIECE_BYTES])
            rest_s = self._rest_after(started_s)
            if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
                # What is no HTTP: aiohttp would find so in each piece, and quote it.
                self._is_refused = True
                return
            if rest_s and self._is_open and not self._upgraded:
                self._held = data[start + PIECE_BYTES :]
                self._pause_transport_reading()
                self._loop.call_later(rest_s, self._go_on)
                return

    def _go_on(self) -> None:
        if not self._is_open:
            return
        held, self._held = self._held, b""
        self._parse(held)
        # aiohttp pauses it, too, when a body is not read as fast as it comes.
        if not (self._held or self._reading_paused or self._buffer_paused):
            self._resume_transport_reading()

    def _rest_after(self, started_s: float) -> float:
        """Return the seconds to rest after a piece: none while there is time left."""
        now_s = time.perf_counter()
        refilled_s = self._allowed_s + (now_s - self._seen_s) * _SHARE
        self._allowed_s = min(_BURST_S, refilled_s) - (now_s - started_s)
        self._seen_s = now_s
        return max(-self._allowed_s / _SHARE, 0.0)

    def _discard(self, size_bytes: int) -> None:
        self._discarded_bytes += size_bytes
        if self._discarded_bytes > MOST_DISCARDED_BYTES and self._is_open:
            self._pause_transport_reading()


class PacedRunner(web.AppRunner):
    """aiohttp's runner, whose connections are :class:`PacedRequests`."""

    async def _make_server(self) -> web.Server:
        """It has no public place for a protocol of one's own.

        An aiohttp without these attributes parses as it does.
        """
        server = await super()._make_server()
        if all(hasattr(web.RequestHandler, name) for name in _NEEDED):
            server.__class__ = _Server
        return server


class _Server(web.Server):
    def __call__(self) -> PacedRequests:
        """Return the protocol of a new connection."""
        return PacedRequests(self, loop=self._loop, **self._kwargs)
