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

from aiohttp import WSCloseCode

try:
    from websockets.speedups import apply_mask
except ImportError:  # PyPy, and platforms without a wheel
    from websockets.utils import apply_mask

Take = Callable[[bytes], bool]
"""Takes a binary message, or says that it must go the long way."""

Refuse = Callable[[WSCloseCode, str], None]
"""Ends the session with this code, once what was handed to the parser before is seen to."""

Pause = Callable[[], None]
"""Has nothing more read: the client's messages stay in its own memory."""

_FINAL_BINARY = 0x82
_FINAL, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_CONTINUATION, _FIRST_CONTROL = 0x0, 0x8
_KNOWN = frozenset((0x0, 0x1, 0x2, 0x8, 0x9, 0xA))
_LONGEST_CONTROL = 125
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Lengths (RFC 6455, 5.2) that say how many bytes the length itself has."""
_SHORTEST = 8
"""More than a header of either short kind: what is shorter is looked at with more care."""

_READ_AHEAD_BYTES = 1 << 20
"""More than aiohttp and its loop hold of messages that wait for their session."""

MOST_DISCARDED_BYTES = 16 << 20
"""More than sockets hold of what a client was sending while it was told that its session is over.
Whoever goes on after that reads nothing, and would be listened to as fast as memory is copied."""

MOST_PASSED_ON = 1_000
"""Frames of one read that no client of audio sends: to walk them here costs all other sessions."""


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

    def __init__(
        self, parser: Parser, max_message_bytes: int, refuse: Refuse, pause: Pause
    ) -> None:
        """``refuse`` is called once, of what the parser would let pass; then nothing is taken.

        That is a message that does not end, and a frame that is not masked. ``pause`` is called
        when a client whose session is over goes on sending.
        """
        self._parser = parser
        self._max_message_bytes = max_message_bytes
        self._refuse = refuse
        self._pause = pause
        self._unheard_bytes = 0
        """Since the session last waited, of what is the parser's."""
        self._most_unheard_bytes = 2 * max_message_bytes + _READ_AHEAD_BYTES
        self._take: Take | None = None
        self._held = bytearray()
        self._wanted = 0
        """Bytes of the frame that is held, as far as is known."""
        self._is_fragmented = False
        self._fragment_bytes = 0
        self._is_given_up = False
        """A frame that is refused, or too many: from here on all is the parser's."""
        self._is_unmasked = False
        self._has_ended = False
        """The session has ended: nobody refuses what comes now."""
        self._is_over = False
        """Nothing is the parser's any more."""
        self._discarded_bytes = 0

    def open(self, take: Take | None) -> None:
        """The session waits for a message: plain ones go to ``take``, if any, from now on."""
        self._take = take
        self._unheard_bytes = 0

    def close(self) -> None:
        """The session waits no longer, or for good."""
        self._take = None

    def end(self) -> None:
        """The session is over; aiohttp discards what comes until the client has closed, too.

        Refused now, what a client was sending as the end was told would take that from it.
        """
        self.close()
        self._has_ended = True
        self._unheard_bytes, self._most_unheard_bytes = 0, MOST_DISCARDED_BYTES

    def feed_eof(self) -> None:
        """See :class:`Parser`."""
        self._parser.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """See :class:`Parser`; but that the connection is over is said by nobody here.

        Who hears that reads on as fast as the client sends, and looks at nothing.
        """
        if self._is_over:
            self._discard(data)
            return False, b""
        self._is_over, rest = self._feed(data)
        return False, b"" if self._is_over else rest

    def _feed(self, data: bytes) -> tuple[bool, bytes]:
        if self._is_given_up:
            return self._parse(data)
        if self._held:
            # Joined when it is enough: a byte at a time must not cost a copy each.
            self._held += data
            if len(self._held) < self._wanted:
                return False, b""
            data = bytes(self._held)
            self._held = bytearray()
        first = self._take_all(data)
        return self._pass_on(data, first) if first < len(data) else (False, b"")

    def _take_all(self, data: bytes) -> int:
        """Have the plain messages at the front taken; return where they end."""
        first, end = 0, self._taken(data, 0)
        while end > first:
            first, end = end, self._taken(data, end)
        return first

    def _pass_on(self, data: bytes, first: int) -> tuple[bool, bytes]:
        """Hand the whole frames from ``first`` to the parser, and hold what is left.

        In one go: the session is woken by the first and opens again when it has seen to all, and
        a parser that waits for its session copies what it holds at every call.
        """
        end = self._last_end(data, first)
        self._held += data[end:]
        if end > first:
            self.close()
            is_over, rest = self._parse(data[first:end])
            if is_over:
                return is_over, rest
        if self._is_unmasked:
            self.close()
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "a client's frame is not masked")
        return self._is_unmasked, b""

    def _parse(self, data: bytes) -> tuple[bool, bytes]:
        """Hand frames to the parser, unless they belong to a message that does not end.

        A message wakes the session, which then waits anew; and where it is busy, aiohttp reads on
        for less than that. What neither ends nor grows is fragments with nothing in them.
        """
        self._unheard_bytes += len(data)
        if self._unheard_bytes <= self._most_unheard_bytes:
            return self._parser.feed_data(data)
        if self._has_ended:
            self._pause()
        else:
            self._refuse(WSCloseCode.MESSAGE_TOO_BIG, "the message does not end")
        return True, b""

    def _discard(self, data: bytes) -> None:
        """Let go of what comes after the end; of too much, take no more."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MOST_DISCARDED_BYTES:
            self._pause()

    def _last_end(self, data: bytes, first: int) -> int:
        """Where the last whole frame from ``first`` ends; of what is given up, where all ends."""
        for _ in range(MOST_PASSED_ON):
            end, length = self._measure(data, first)
            if self._is_given_up:
                return len(data)
            if self._is_unmasked:
                return first
            if end > len(data):
                self._wanted = end - first
                return first
            self._note(data[first], length)
            if end == len(data):
                return end
            first = end
        self._is_given_up = True
        return len(data)

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

    def _measure(self, data: bytes, first: int) -> tuple[int, int]:
        """Where the frame at ``first`` ends, and its payload's bytes.

        As far as can be told: or where its header's next part ends, and 0.
        """
        head = first + 2
        if head > len(data):
            return head, 0
        # RFC 6455, 5.1: such a connection must be closed. aiohttp's parser takes the frame.
        self._is_unmasked = not data[first + 1] & _MASKED
        if self._is_unmasked:
            return head, 0
        length = data[first + 1] & _LENGTH
        if length >= _TWO_BYTES:
            head += 2 if length == _TWO_BYTES else 8
            if head > len(data):
                return head, 0
            length = int.from_bytes(data[first + 2 : head], "big")
        head += 4
        self._is_given_up = self._is_refused(data[first], length)
        return head + length, length

    def _is_refused(self, first_byte: int, length: int) -> bool:
        """Whether the parser refuses such a header, and so must not wait for the payload."""
        opcode, is_final = first_byte & _OPCODE, bool(first_byte & _FINAL)
        if first_byte & _RESERVED or opcode not in _KNOWN:
            return True
        if opcode >= _FIRST_CONTROL:
            return length > _LONGEST_CONTROL or not is_final
        return self._fragment_bytes + length > self._max_message_bytes

    def _note(self, first_byte: int, length: int) -> None:
        """Remember whether a fragmented message is under way, in which no other may begin."""
        if first_byte & _OPCODE < _FIRST_CONTROL:
            is_final = bool(first_byte & _FINAL)
            if not is_final or first_byte & _OPCODE == _CONTINUATION:
                self._is_fragmented = not is_final
                self._fragment_bytes = 0 if is_final else self._fragment_bytes + length
