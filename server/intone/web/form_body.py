"""A form's body, as aiohttp's multipart reader takes it, which may not keep all others waiting."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader

from intone.errors import BadRequest

MOST_BEFORE_FILE_BYTES = 1 << 18
"""What may come before the file: other fields. A form is read part by part, a part of five bytes
in a tenth of a millisecond."""

_READS_A_TURN = 32
"""As many of what is already there are a millisecond or two: then others have their turn."""


class FormBody:
    """Stands for ``body``; counts what is read until the file begins."""

    def __init__(self, body: StreamReader) -> None:
        self._body = body
        self._reads = 0
        self._before_file_bytes: int | None = 0

    def begin_file(self) -> None:
        """What is read from here on is the file's, which has limits of its own."""
        self._before_file_bytes = None

    async def readline(self, **limits: int) -> bytes:
        """See :class:`aiohttp.StreamReader`; raise :class:`BadRequest` where no file comes."""
        await self._give_turn()
        return self._counted(await self._body.readline(**limits))

    async def read(self, n: int = -1) -> bytes:
        """See :meth:`readline`."""
        await self._give_turn()
        return self._counted(await self._body.read(n))

    def at_eof(self) -> bool:
        """See :class:`aiohttp.StreamReader`."""
        return self._body.at_eof()

    def unread_data(self, data: bytes) -> None:
        """See :class:`aiohttp.StreamReader`."""
        # A part is read in large pieces, of which what is not its own goes back.
        if self._before_file_bytes is not None:
            self._before_file_bytes -= len(data)
        self._body.unread_data(data)

    async def _give_turn(self) -> None:
        self._reads += 1
        # A read of what has come already does not wait, and so gives nobody else a turn.
        if self._reads % _READS_A_TURN == 0:
            await asyncio.sleep(0)

    def _counted(self, data: bytes) -> bytes:
        if self._before_file_bytes is not None:
            self._before_file_bytes += len(data)
            if self._before_file_bytes > MOST_BEFORE_FILE_BYTES:
                raise BadRequest(f"over {MOST_BEFORE_FILE_BYTES} bytes come before the form's file")
        return data
