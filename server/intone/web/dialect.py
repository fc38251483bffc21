"""The seam of wire protocols: what a client says, as commands; what it is told, as text.

A dialect is a translator to and from the messages of :mod:`intone.web.wire`; everything
else (limits, order, overload, an orderly end) is the session's and the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from intone.web import codec, translate, wire

Command = wire.ClientMessage | bytes
"""What a client may say; bytes are audio in the configured format."""


class Codec(Protocol):
    """One session's translator; it may remember what the client said."""

    def receive(self, message: str | bytes) -> Sequence[Command]:
        """Read one WebSocket message; raise an :class:`intone.errors.IntoneError` if wrong."""
        ...

    def send(self, message: wire.ServerMessage) -> str | None:
        """Word one message; None where the dialect has no word for it."""
        ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """Seam ``intone.dialects``: an entry point is one of these."""

    name: str
    """Also the WebSocket subprotocol."""
    path: str
    """Where sessions in it are opened, as in ``/v1/stream``."""
    wishes: Callable[[Mapping[str, str]], Mapping[str, object]]
    """The configuration that a query string asks for: :class:`SessionConfig` fields by name."""
    new_codec: Callable[[], Codec]


class _IntoneV1:
    """JSON text both ways, audio as binary messages."""

    def receive(self, message: str | bytes) -> Sequence[Command]:
        """See :class:`Codec`."""
        return [message if isinstance(message, bytes) else codec.decode_client(message)]

    def send(self, message: wire.ServerMessage) -> str | None:
        """See :class:`Codec`."""
        return codec.encode(message)


intone_v1 = Dialect(wire.PROTOCOL, "/v1/stream", translate.query_wishes, _IntoneV1)
"""Entry point ``intone.v1`` of ``intone.dialects``."""
