"""Conversations with a real server, over a real socket, as a client would hold them."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile
import websockets

from intone.core.decode import to_int16

Message = dict[str, Any]

DEADLINE_S = 30.0
"""For anything that must come; it fails a test, it does not time one."""


UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
"""Opens a session over a bare socket."""


def pcm_of(path: Path) -> bytes:
    """The samples of a mono sound file as s16le."""
    return to_int16(soundfile.read(path, dtype="float32")[0]).tobytes()


def stream_url(base_url: str, query: str = "") -> str:
    return f"{base_url.replace('http:', 'ws:', 1)}/v1/stream{query}"


def connect(base_url: str, query: str = "", **options: Any) -> websockets.connect:
    return websockets.connect(stream_url(base_url, query), compression=None, **options)


async def receive(socket: websockets.ClientConnection) -> Message:
    message: Message = json.loads(await asyncio.wait_for(socket.recv(), DEADLINE_S))
    return message


async def until(is_true: Callable[[], object]) -> None:
    """Wait for a condition of the server in this process."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.005)


def value_of(metrics: str, line: str) -> float:
    """One line of /metrics, 0 if nothing of the kind has been counted yet.

    Fails where there is no such metric at all: of a wrong name everything would be 0.
    """
    families = [text.split()[2] for text in metrics.splitlines() if text.startswith("# TYPE ")]
    assert any(line.startswith(family) for family in families), f"no {line} among {families}"
    values = [text.split()[-1] for text in metrics.splitlines() if text.startswith(line + " ")]
    return float(values[0]) if values else 0


def scrape(base_url: str) -> str:
    """What /metrics says."""
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=10) as response:
        return str(response.read().decode())


async def receive_until(socket: websockets.ClientConnection, kind: str) -> list[Message]:
    """Everything up to the first message of type ``kind``, which is the last."""
    messages = [await receive(socket)]
    while messages[-1]["type"] != kind:
        messages.append(await receive(socket))
    return messages


async def receive_all(socket: websockets.ClientConnection) -> list[Message]:
    """Everything up to the close, whose code is then ``socket.close_code``."""
    messages = []
    try:
        while True:
            messages.append(await receive(socket))
    except websockets.ConnectionClosed:
        return messages


async def say(socket: websockets.ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def hear(
    base_url: str, data: bytes, *, piece: int = 3_200, query: str = "", **options: Any
) -> list[Message]:
    """Stream ``data`` in pieces and close; return all messages of the session."""
    async with connect(base_url, query, **options) as socket:
        for start in range(0, len(data), piece):
            await socket.send(data[start : start + piece])
        await say(socket, "session.close")
        messages = await receive_all(socket)
        assert socket.close_code == 1000
    return messages


def utterance_events(messages: list[Message]) -> list[Message]:
    """The messages that audio alone decides: without what is measured in wall time."""
    return [
        {name: value for name, value in message.items() if name != "latency_ms"}
        for message in messages
        if message["type"].startswith("utterance.")
    ]


def of_type(messages: list[Message], kind: str) -> list[Message]:
    return [message for message in messages if message["type"] == kind]


def answer_when_not_ready(
    base_url: str, passing: type[OSError] | tuple[()] = ()
) -> tuple[int, Message]:
    """What a server's readiness is told as, once it is not ready; ``passing`` faults pass."""
    deadline_s = time.monotonic() + 10
    while True:
        assert time.monotonic() < deadline_s
        try:
            urllib.request.urlopen(f"{base_url}/readyz", timeout=5).close()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except passing:
            continue
