"""Clients nobody wants beside them, each in a process of its own, on bare sockets."""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

from intone.types import AudioFormat
from intone_bench.dialling import Address, Refused, upgrade
from intone_bench.framing import Opcode, frame
from intone_bench.open_files import raise_file_limit
from intone_lab.processes import leave_end_to_parent

_BYTES_PER_S = 32_000
_IDLE = 5_000
IDLE_NAME = "5,000 idle"
FILES = 12_000
"""Sockets of 5,000 idle sessions and their successors."""
_READY_S = 120.0
_HOST = "127.0.0.1"

Bad = Callable[[int, bytes, Event], None]
"""Misbehaves on a port with some s16le speech until it is ended; sets the event once it does."""


def client_frame(payload: bytes, opcode: Opcode = Opcode.BINARY) -> bytes:
    """Return one WebSocket message from a client, masked with zeros."""
    return frame(opcode, payload, bytes(4))


def connect(port: int, receive_bytes: int | None = None) -> socket.socket:
    """Open a session, of which nothing further is read."""
    opened = socket.socket()
    if receive_bytes is not None:
        # Before it connects: the window is told then.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    opened.connect((_HOST, port))
    upgrade(opened, Address(_HOST, port), AudioFormat())
    return opened


def _drain(opened: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while opened.recv(1 << 16, socket.MSG_DONTWAIT):
            pass


def _paced(data: bytes, rate: float, chunk_bytes: int) -> Iterator[bytes]:
    """Give ``data`` over and over in chunks, at ``rate`` times the speed of speech."""
    sent, started_s = 0, time.monotonic()
    while True:
        start = sent % (len(data) - chunk_bytes)
        yield data[start - start % 2 :][:chunk_bytes]
        sent += chunk_bytes
        ahead_s = sent / _BYTES_PER_S / rate - (time.monotonic() - started_s)
        if ahead_s > 0.01:
            time.sleep(ahead_s)


def _again_and_again(port: int, ready: Event, misbehave: Callable[[socket.socket], None],
                     receive_bytes: int | None = None) -> None:  # fmt: skip
    """Come back whenever the server has had enough."""
    while True:
        try:
            with connect(port, receive_bytes) as opened:
                ready.set()
                misbehave(opened)
        except (OSError, Refused):
            time.sleep(0.1)


def reads_nothing(port: int, speech: bytes, ready: Event) -> None:
    """Speak, ask 1,000 questions a second, and read no answer."""
    ping = client_frame(b'{"type":"ping","marker":"' + b"m" * 1_000 + b'"}', Opcode.TEXT) * 10

    def misbehave(opened: socket.socket) -> None:
        for chunk in _paced(speech, 1.0, 320):
            opened.sendall(ping + client_frame(chunk))

    _again_and_again(port, ready, misbehave, 4_096)


def fifty_times_real_time(port: int, speech: bytes, ready: Event) -> None:
    """Send audio at 50 times the speed of speech, over and over after the refusal."""

    def misbehave(opened: socket.socket) -> None:
        for chunk in _paced(speech, 50.0, 32_000):
            opened.sendall(client_frame(chunk))
            _drain(opened)

    _again_and_again(port, ready, misbehave)


def sample_a_message(port: int, speech: bytes, ready: Event) -> None:
    """Send live audio in messages of one sample: 16,000 a second."""

    def misbehave(opened: socket.socket) -> None:
        for chunk in _paced(speech, 1.0, 640):
            opened.sendall(
                b"".join(client_frame(chunk[i : i + 2]) for i in range(0, len(chunk), 2))
            )
            _drain(opened)

    _again_and_again(port, ready, misbehave)


def half_a_sample_a_message(port: int, speech: bytes, ready: Event) -> None:
    """Send messages that are refused, each by itself, as fast as they are taken."""
    refused = client_frame(speech[:1]) * 1_000

    def misbehave(opened: socket.socket) -> None:
        while True:
            opened.sendall(refused)
            _drain(opened)

    _again_and_again(port, ready, misbehave)


def fragments_of_nothing(port: int, speech: bytes, ready: Event) -> None:
    """Begin a message, and go on with it as fast as it is taken, without a byte in any fragment."""
    del speech
    begun = frame(Opcode.BINARY, b"", bytes(4), is_final=False)
    empty = frame(Opcode.CONTINUATION, b"", bytes(4), is_final=False) * 10_000

    def misbehave(opened: socket.socket) -> None:
        opened.sendall(begun)
        while True:
            opened.sendall(empty)
            _drain(opened)

    _again_and_again(port, ready, misbehave)


def byte_a_packet(port: int, speech: bytes, ready: Event) -> None:
    """Send live audio in good messages, but each byte in a packet of its own."""

    def misbehave(opened: socket.socket) -> None:
        for chunk in _paced(speech, 1.0, 3_200):
            message = client_frame(chunk)
            for i in range(len(message)):
                opened.send(message[i : i + 1])
            _drain(opened)

    _again_and_again(port, ready, misbehave)


def five_thousand_idle(port: int, speech: bytes, ready: Event) -> None:
    """Hold 5,000 sessions that say nothing, and open those anew that are ended for it."""
    del speech
    raise_file_limit(_IDLE + 100)
    held = [connect(port) for _ in range(_IDLE)]
    ready.set()
    while True:
        for index, opened in enumerate(held):
            time.sleep(0.002)
            try:
                is_open = _is_open(opened)
            except OSError:
                is_open = False
            if not is_open:
                opened.close()
                held[index] = connect(port)


def _is_open(opened: socket.socket) -> bool:
    try:
        return bool(opened.recv(1 << 16, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True


BAD: dict[str, Bad] = {
    "reads nothing": reads_nothing,
    "50 times real time": fifty_times_real_time,
    "a sample a message": sample_a_message,
    "half a sample a message": half_a_sample_a_message,
    "fragments of nothing": fragments_of_nothing,
    "a byte a packet": byte_a_packet,
    IDLE_NAME: five_thousand_idle,
}


def _misbehave(name: str, port: int, speech: bytes, ready: Event) -> None:
    # They never end by themselves.
    leave_end_to_parent()
    BAD[name](port, speech, ready)


@contextmanager
def misbehaving(name: str, port: int, speech: bytes) -> Iterator[None]:
    """Have bad company of a kind."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_misbehave, args=(name, port, speech, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(_READY_S):
            raise RuntimeError(f"{name}: did not come to misbehave")
        yield
    finally:
        process.kill()
        process.join()
