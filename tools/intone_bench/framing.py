"""WebSocket frames of a client (RFC 6455), made ahead of time and told apart on arrival.

A measuring tool of its own framing: the generator shares a machine with what it measures. A
library frames and masks every message as it is sent; here a message is framed once and its
bytes go to every socket that sends it, so that a send costs one system call.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum

import numpy as np

_MASKED = 0x80
_FINAL = 0x80


class Opcode(IntEnum):
    """RFC 6455, section 5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def frame(opcode: Opcode, payload: bytes, key: bytes, *, is_final: bool = True) -> bytes:
    """Return one frame masked with the four bytes of ``key``, as a client must."""
    size = len(payload)
    head = bytes([_FINAL * is_final | opcode])
    if size < 126:
        head += bytes([_MASKED | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", _MASKED | 126, size)
    else:
        head += struct.pack("!BQ", _MASKED | 127, size)
    data = np.frombuffer(payload, np.uint8)
    mask = np.resize(np.frombuffer(key, np.uint8), size)
    return head + key + (data ^ mask).tobytes()


class Reader:
    """Cuts what a server sends into frames; ``on_frame`` gets each one's opcode and payload."""

    __slots__ = ("_on_frame", "_pending")

    def __init__(self, on_frame: Callable[[int, bytes], None]) -> None:
        self._on_frame = on_frame
        self._pending = b""

    def push(self, data: bytes) -> None:
        """Take any number of bytes. Raises :class:`ValueError` for a masked or split message.

        No server masks; intone's never splits a message.
        """
        if self._pending:
            data = self._pending + data
        at, end = 0, len(data)
        while end - at >= 2:
            first, size = data[at], data[at + 1]
            start = at + 2
            if size == 126:
                if end < start + 2:
                    break
                (size,) = struct.unpack_from("!H", data, start)
                start += 2
            elif size == 127:
                if end < start + 8:
                    break
                (size,) = struct.unpack_from("!Q", data, start)
                start += 8
            elif size > 127:
                raise ValueError("a server's frame is masked")
            if end < start + size:
                break
            if not first & _FINAL:
                raise ValueError("a server's message comes in pieces")
            self._on_frame(first & 0x0F, data[start : start + size])
            at = start + size
        self._pending = data[at:]
