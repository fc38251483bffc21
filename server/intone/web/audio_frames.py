"""Frames of a socket before aiohttp's parser: whole binary messages go straight to the session.

A message through aiohttp's queue costs a future, a turn of the event loop and three coroutines;
fifty a second of each telephone call are a sixth of what the server does. Whatever is not a
plain message of audio (text, control frames, fragments, what breaks the protocol or a limit), and
all that comes while the session is not waiting, goes to aiohttp's parser as before, so that
the order stays what was sent and every rule of the protocol is still checked there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # PyPy, and platforms without a wheel
    from websockets.utils import apply_mask

Take = Callable[[bytes], bool]
"""Takes a binary message, or says that it must go the long way."""

_FINAL_BINARY = 0x82
_FINAL, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_CONTINUATION, _FIRST_CONTROL = 0x0, 0x8
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Lengths (RFC 6455, 5.2) that say how many bytes the length itself has."""
_SHORTEST = 8
"""More than a header of either short kind: what is shorter is looked at with more care."""


class Parser(Protocol):
    """aiohttp's ``WebSocketReader``, and what stands in for it."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what was read; return whether the connection is over, and what is left."""
        ...

    def feed_eof(self) -> None:
        """Nothing more comes."""
        ...


class AudioFrames:
    """Stands before ``parser``, which gets whole frames only."""

    def __init__(self, parser: Parser, max_message_bytes: int) -> None:
        self._parser = parser
        self._max_message_bytes = max_message_bytes
        self._take: Take | None = None
        self._held = bytearray()
        self._wanted = 0
        """Bytes of the frame that is held, as far as is known."""
        self._is_fragmented = False
        self._is_broken = False
        """A frame that is refused: from here on all is the parser's."""

    def open(self, take: Take) -> None:
        """The session waits for a message: plain ones go to ``take`` from now on."""
        self._take = take

    def close(self) -> None:
        """The session waits no longer, or for good."""
        self._take = None

    def feed_eof(self) -> None:
        """See :class:`Parser`."""
        self._parser.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """See :class:`Parser`."""
        if self._is_broken:
            return self._parser.feed_data(data)
        if self._held:
            # Joined when it is enough: a byte at a time must not cost a copy each.
            self._held += data
            if len(self._held) < self._wanted:
                return False, b""
            data = bytes(self._held)
            self._held = bytearray()
        first, size = 0, len(data)
        while first < size:
            taken = self._taken(data, first)
            if taken > first:
                first = taken
                continue
            end = self._end(data, first)
            if self._is_broken:
                return self._parser.feed_data(data[first:])
            if end > size:
                self._held += data[first:]
                self._wanted = end - first
                break
            self._note(data[first])
            # The session is woken by this, and opens again when it has seen to it.
            self.close()
            over, left = self._parser.feed_data(data[first:end])
            if over:
                return over, left
            first = end
        return False, b""

    def _taken(self, data: bytes, first: int) -> int:
        """Have a plain message at ``first`` taken; return where it ends, or ``first``."""
        take, rest = self._take, len(data) - first
        if take is None or self._is_fragmented or rest < _SHORTEST or data[first] != _FINAL_BINARY:
            return first
        second = data[first + 1]
        if not _MASKED <= second <= _MASKED + _TWO_BYTES:
            return first
        head, length = first + 6, second - _MASKED
        if length == _TWO_BYTES:
            head, length = first + 8, data[first + 2] << 8 | data[first + 3]
        end = head + length
        if end > len(data) or length > self._max_message_bytes:
            return first
        return end if take(apply_mask(data[head:end], data[head - 4 : head])) else first

    def _end(self, data: bytes, first: int) -> int:
        """Where the frame at ``first`` ends, as far as can be told: or its header's next part."""
        head = first + 2
        if head > len(data):
            return head
        length = data[first + 1] & _LENGTH
        if length >= _TWO_BYTES:
            head += 2 if length == _TWO_BYTES else 8
            if head > len(data):
                return head
            length = int.from_bytes(data[first + 2 : head], "big")
        if data[first + 1] & _MASKED:
            head += 4
        self._is_broken = length > self._max_message_bytes or bool(data[first] & _RESERVED)
        return head + length

    def _note(self, first_byte: int) -> None:
        """Remember whether a fragmented message is under way, in which no other may begin."""
        if first_byte & _OPCODE < _FIRST_CONTROL:
            is_final = bool(first_byte & _FINAL)
            if not is_final or first_byte & _OPCODE == _CONTINUATION:
                self._is_fragmented = not is_final
