"""aiohttp's WebSocket, except that the session closes it: an error goes first."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.http_websocket import WebSocketWriter

from intone.errors import IntoneError, InvalidMessage, MessageTooLarge
from intone.web.audio_frames import AudioFrames, Take

CLOSE_TIMEOUT_S = 3.0
"""How long a client may take to answer a close frame: a slow round trip."""

LINGER_S = 1.0
"""How long a close frame has to arrive at a client that is still sending: closing the
connection over unread data would take it, and the error before it, away again."""

_LINGER_STEP_S = 0.02


class ClientGone(Exception):
    """The client closed, or the connection is lost."""


class StreamSocket(web.WebSocketResponse):
    """aiohttp closes at once on a message that breaks the limits; this one waits for it.

    Compression is off: it costs memory a connection, and a small message can inflate.
    """

    def __init__(self, protocols: Sequence[str], max_message_bytes: int) -> None:
        # aiohttp refuses a message of exactly max_msg_size.
        super().__init__(
            protocols=protocols,
            timeout=CLOSE_TIMEOUT_S,
            compress=False,
            # Its heartbeat is set anew with every message; see web/watch.py.
            heartbeat=None,
            autoping=False,
            max_msg_size=max_message_bytes + 1,
            autoclose=False,
        )
        self._max_message_bytes = max_message_bytes
        self._frames: AudioFrames | None = None
        self._is_ours_to_close = False
        self._is_violated = False

    def can_prepare(self, request: web.BaseRequest) -> web.WebSocketReady:
        """Say whether ``request`` is a WebSocket's upgrade."""
        try:
            return super().can_prepare(request)
        except ValueError:
            # aiohttp decodes the key, and expects only that which is ASCII.
            return web.WebSocketReady(ok=False, protocol=None)

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        """Set :class:`AudioFrames` before the parser that aiohttp sets here.

        It has no public place for that. An aiohttp without these attributes reads every message
        itself, as it does those that come while nobody waits.
        """
        handler = request.protocol
        if not (hasattr(handler, "_message_tail") and hasattr(handler, "_payload_parser")):
            super()._post_start(request, protocol, writer)
            return
        # What came with the upgrade is framed by us too, or a frame's end would be lost.
        early, handler._message_tail = handler._message_tail, b""  # noqa: SLF001
        super()._post_start(request, protocol, writer)
        self._frames = AudioFrames(
            handler._payload_parser,  # noqa: SLF001
            self._max_message_bytes,
            self._refuse_frame,
            self._pause_reading,
        )
        handler._payload_parser = self._frames  # noqa: SLF001
        if early:
            handler.data_received(early)

    def _refuse_frame(self, code: WSCloseCode, why: str) -> None:
        """Have the session told, as the parser has it of a frame that it refuses."""
        assert self._reader is not None
        self._reader.set_exception(WebSocketError(code, why))

    def _pause_reading(self) -> None:
        """Take nothing more of a client that does not read: closing is all that is left."""
        transport = None if self._req is None else self._req.transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()

    async def next_message(
        self, on_frame: Callable[[], Awaitable[None]], take: Take | None = None
    ) -> str | bytes:
        """Return the next text or binary message; pings and pongs before it are answered.

        ``on_frame`` is awaited after each of them: many in a row would leave nobody else a turn.
        A binary message that comes before it, and that ``take`` takes, is not returned.
        Raises :class:`ClientGone`, and the error for a message that breaks the WebSocket
        protocol or its limit.
        """
        while True:
            message = await self._receive(take)
            kind = message.type
            if kind is WSMsgType.BINARY or kind is WSMsgType.TEXT:
                data: str | bytes = message.data
                return data
            if kind is not WSMsgType.PING and kind is not WSMsgType.PONG:
                break
            if kind is WSMsgType.PING:
                await self._answer_ping(message.data)
            await on_frame()
        if isinstance(message.data, WebSocketError):
            self._is_violated = True
            raise self._refusal(message.data.code)
        raise ClientGone

    async def _receive(self, take: Take | None) -> WSMessage:
        frames = self._frames
        if frames is None:
            return await self.receive()
        # With messages in the queue this does not wait, and so nothing overtakes them: not while
        # what was received is seen to, either.
        frames.open(take)
        try:
            return await self.receive()
        finally:
            frames.close()

    async def beat(self) -> None:
        """Ask whether the client is there; no answer is no frame for its watch."""
        try:
            await self.ping()
        except ConnectionError:
            self.abort()

    async def _answer_ping(self, data: bytes) -> None:
        try:
            # Whoever reads is stopped at the end, and aiohttp's senders wait on one future: with
            # this one's wait, those of the last messages would be cancelled.
            await asyncio.shield(self.pong(data))
        except ConnectionError as error:
            raise ClientGone from error

    def _refusal(self, code: int) -> IntoneError:
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            return MessageTooLarge(f"a message may have {self._max_message_bytes} bytes")
        refusal = InvalidMessage("the message breaks the WebSocket protocol")
        # 1002 or 1007, as the protocol demands: this connection cannot go on.
        refusal.close_code = code
        return refusal

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        """Close; but not when aiohttp wants to by itself, before the error is sent."""
        if not self._is_ours_to_close:
            return False
        return await super().close(code=code, message=message, drain=drain)

    async def hang_up(self, code: int) -> None:
        """Close with ``code``, after which nothing can be sent."""
        self._is_ours_to_close = True
        if self._frames is not None:
            self._frames.end()
        if self._is_violated and not self.closed:
            await self._linger(code)
        await self.close(code=code)

    def abort(self) -> None:
        """Drop the connection: the client takes nothing any more."""
        if self._req is not None and self._req.transport is not None:
            self._req.transport.abort()

    async def _linger(self, code: int) -> None:
        """Send the close frame, and read on (aiohttp discards it) while the client reads ours."""
        await self.send_frame(struct.pack("!H", code), WSMsgType.CLOSE)
        for _ in range(round(LINGER_S / _LINGER_STEP_S)):
            transport = None if self._req is None else self._req.transport
            if transport is None or transport.is_closing():
                return
            await asyncio.sleep(_LINGER_STEP_S)
