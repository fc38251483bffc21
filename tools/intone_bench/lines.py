"""One session as the generator sees it: a cursor in a track, a socket, and a log of what came."""

from __future__ import annotations

import socket
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from intone.client.messages import SESSION_CLOSE
from intone.web import codec, wire
from intone_bench.framing import Opcode, Reader, frame
from intone_bench.tracks import Track

_KEY = b"\x37\xfa\x21\x3d"
"""RFC 6455's own example. A fixed key costs the server what any key does, and protects nobody
from a proxy; there is none between a generator and its server."""

CLOSE_SESSION = frame(Opcode.TEXT, SESSION_CLOSE.encode(), _KEY)
_CLOSE = frame(Opcode.CLOSE, b"\x03\xe8", _KEY)
_MOST_RECEIVED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Log:
    """What one session sent and got; it crosses processes."""

    track: int
    sent_s: array[float]
    """When each message was first handed to the socket (``time.monotonic``), taken or not."""
    texts: list[tuple[float, bytes]]
    """When each text message came, and what it said."""
    pushed_back: int = 0
    """Messages that the server's full socket did not take at once."""
    fault: str = ""
    """Why it ended early; empty if it did not."""


def greeting(sessions: Iterable[Line | Log]) -> wire.SessionCreated | None:
    """Return what the server said first to the first of them that it let in; None of nobody."""
    for session in sessions:
        for _, text in session.texts:
            message = codec.decode_server(text.decode())
            if isinstance(message, wire.SessionCreated):
                return message
    return None


def frames_of(track: Track) -> tuple[bytes, ...]:
    """Return the track's messages as frames, for every session that sends it."""
    return tuple(frame(Opcode.BINARY, message, _KEY) for message in track.messages)


@dataclass(slots=True, eq=False)
class Line:
    """One session's socket. Never blocks: what the socket does not take waits here."""

    connection: socket.socket
    frames: tuple[bytes, ...]
    track: int
    cursor: int
    """The next message; negative for as many turns as are left before the first."""
    unsent: bytearray = field(default_factory=bytearray)
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    texts: list[tuple[float, bytes]] = field(default_factory=list)
    pushed_back: int = 0
    fault: str = ""
    is_greeted: bool = False
    is_over: bool = False
    _reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Reader(self._take)

    @property
    def fileno(self) -> int:
        """The socket's descriptor, until it is closed."""
        return self.connection.fileno()

    def send_next(self) -> None:
        """Take a turn: send the message whose turn it is, and ask to close after the last."""
        index = self.cursor
        self.cursor = index + 1
        if index < 0 or self.is_over or index > len(self.frames):
            return
        if index == len(self.frames):
            self._send(CLOSE_SESSION)
            return
        self.sent_s.append(time.monotonic())
        self._send(self.frames[index])

    def flush(self) -> None:
        """Send what waits, now that the socket takes more."""
        waiting, self.unsent = bytes(self.unsent), bytearray()
        self._send(waiting)

    def receive(self) -> None:
        """Read what came."""
        try:
            data = self.connection.recv(_MOST_RECEIVED_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"the connection broke: {error.strerror}")
            return
        if not data:
            self._fail("the server hung up without a close frame")
            return
        self.take(data)

    def take(self, data: bytes) -> None:
        """Take what came."""
        try:
            self._reader.push(data)
        except ValueError as error:
            self._fail(str(error))

    def log(self) -> Log:
        """Return what happened."""
        return Log(self.track, self.sent_s, self.texts, self.pushed_back, self.fault)

    def _send(self, data: bytes) -> None:
        if self.unsent:
            self.unsent += data
            self.pushed_back += 1
            return
        try:
            sent = self.connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fail(f"the connection broke: {error.strerror}")
            return
        if sent < len(data):
            self.unsent += data[sent:]
            self.pushed_back += 1

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == Opcode.TEXT:
            # Read when the run is over: reading takes longer than receiving.
            self.texts.append((time.monotonic(), payload))
            self.is_greeted = True
        elif opcode == Opcode.PING:
            self._send(frame(Opcode.PONG, payload, _KEY))
        elif opcode == Opcode.CLOSE:
            self._send(_CLOSE)
            self.is_over = True

    def _fail(self, why: str) -> None:
        self.is_over = True
        self.fault = self.fault or why
