"""A token that comes as the first message of the connection."""

from __future__ import annotations

import asyncio
import contextlib
import time

from intone.errors import IntoneError, Unauthorized
from intone.settings import LimitSettings
from intone.web import auth, codec, translate, wire
from intone.web.rate import MessagePacer
from intone.web.websocket import StreamSocket


async def authenticate(socket: StreamSocket, tokens: tuple[str, ...], limits: LimitSettings) -> str:
    """Return the name of the token that the client says.

    Raises :class:`intone.web.websocket.ClientGone`, :class:`Unauthorized` where anything but
    a known token comes first or nothing within ``auth_timeout_s``, and the error for a
    message that breaks the limits.
    """
    timeout_s = limits.auth_timeout_s
    pacer = MessagePacer(limits.max_messages_per_s, time.monotonic())

    async def take_frame() -> None:
        await asyncio.sleep(pacer.take(time.monotonic()))

    try:
        message = await asyncio.wait_for(socket.next_message(take_frame), timeout_s)
    except asyncio.TimeoutError:
        raise Unauthorized(f"no token came within {timeout_s:g} s") from None
    return auth.check_token(_token_in(message), tokens)


def _token_in(message: str | bytes) -> str:
    try:
        said = None if isinstance(message, bytes) else codec.decode_client(message)
    except IntoneError:
        said = None
    if not isinstance(said, wire.Auth):
        raise Unauthorized('the first message must be {"type": "auth", "token": …}')
    return said.token


async def refuse(socket: StreamSocket, error: IntoneError) -> None:
    """Say why, and close."""
    with contextlib.suppress(ConnectionError):
        await socket.send_str(codec.encode(translate.error(error)))
    await socket.hang_up(error.close_code or Unauthorized.close_code)
