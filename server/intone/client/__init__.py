"""Python client: audio to an intone server, typed events back.

async with intone.client.connect("ws://127.0.0.1:8765") as stream:
    await stream.send(pcm_bytes)
    await stream.close()
    async for event in stream:
        print(event)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from intone.client.dialling import Dialler
from intone.client.events import (
    Limits,
    Pong,
    Reconnected,
    Reconnecting,
    ServerError,
    SessionClosed,
    SessionCreated,
    StreamEvent,
)
from intone.client.files import send_file
from intone.client.reconnect import ReconnectPolicy
from intone.client.stream import Stream
from intone.client.transport import stream_url
from intone.errors import UnsupportedAudio
from intone.types import AudioFormat, encoding_problem

__all__ = [
    "Limits",
    "Pong",
    "ReconnectPolicy",
    "Reconnected",
    "Reconnecting",
    "ServerError",
    "SessionClosed",
    "SessionCreated",
    "Stream",
    "StreamEvent",
    "connect",
    "send_file",
]


@asynccontextmanager
async def connect(
    url: str,
    *,
    audio: AudioFormat | None = None,
    model: str | None = None,
    interim_ms: int | None = None,
    token: str | None = None,
    reconnect: ReconnectPolicy | None = None,
) -> AsyncIterator[Stream]:
    """Open a session with the server at ``url`` (``ws://`` or ``wss://``, path optional).

    Args:
        url: the server; ``/v1/stream`` is added where there is no path.
        audio: how the bytes are written; 16 kHz mono s16le unless told.
        model: which model answers; the server's default unless told.
        interim_ms: audio between interims, 0 for none; the server's default unless told.
        token: bearer token, where the server wants one.
        reconnect: how a lost connection is tried again; not at all unless told. It covers
            the first connection too.

    Leaving the block closes the session, or drops it if the block raised; it raises what ended
    the session, if that was neither the block nor :meth:`Stream.abort`. Raises the class of
    :mod:`intone.errors` that the server's code names, :class:`ServerUnavailable` where there
    is no server, :class:`SettingsError` for a ``url`` that is not one, and
    :class:`UnsupportedAudio` for an encoding that is no :class:`intone.types.Encoding`.
    """
    audio = audio or AudioFormat()
    if problem := encoding_problem(audio):
        raise UnsupportedAudio(problem)
    choices: dict[str, object | None] = {
        "encoding": audio.encoding.value,
        "sample_rate": audio.sample_rate_hz,
        "channels": audio.channels,
        "model": model,
        "interim_ms": interim_ms,
    }
    query = {name: value for name, value in choices.items() if value is not None}
    stream = await Stream.open(Dialler(stream_url(url, query), token, reconnect), reconnect)
    try:
        yield stream
        if not stream.is_aborted:
            await stream.close()
    except BaseException:
        # Also of whoever does not wait for the close.
        await stream.abort()
        raise
