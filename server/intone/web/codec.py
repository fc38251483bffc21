"""JSON text to the wire's messages and back; the Python client uses it too."""

from __future__ import annotations

import msgspec

from intone.errors import InvalidMessage, InvalidUpdate, UnknownMessageType
from intone.web.wire import (
    CLIENT_TYPES,
    SERVER_TYPES,
    ClientMessage,
    ServerMessage,
    SessionUpdate,
)


class _Envelope(msgspec.Struct):
    type: str


_ENCODER = msgspec.json.Encoder()
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_CLIENT = {tag: msgspec.json.Decoder(kind) for tag, kind in CLIENT_TYPES.items()}
_SERVER = {tag: msgspec.json.Decoder(kind) for tag, kind in SERVER_TYPES.items()}

_SHOWN_TYPE_CHARS = 40
"""Of an unknown type, in the error that names it: enough to recognise it."""


def encode(message: msgspec.Struct) -> str:
    """Return the JSON text of a message or of an HTTP body."""
    return _ENCODER.encode(message).decode()


def decode_client(text: str) -> ClientMessage:
    """Read what a client sent.

    Raises :class:`InvalidMessage`, :class:`InvalidUpdate` or :class:`UnknownMessageType`.
    """
    kind = _kind(text)
    if kind not in _CLIENT:
        raise UnknownMessageType(f"there is no message of type {kind[:_SHOWN_TYPE_CHARS]!r}")
    try:
        return _CLIENT[kind].decode(text)
    except msgspec.DecodeError as error:
        refused = InvalidUpdate if CLIENT_TYPES[kind] is SessionUpdate else InvalidMessage
        raise refused(f"{kind}: {error}") from error


def decode_server(text: str) -> ServerMessage | None:
    """Read what a server sent; None for a type that this version does not know.

    Raises :class:`InvalidMessage` for what is not the protocol's.
    """
    kind = _kind(text)
    if kind not in _SERVER:
        return None
    try:
        return _SERVER[kind].decode(text)
    except msgspec.DecodeError as error:
        raise InvalidMessage(f"{kind}: {error}") from error


def _kind(text: str) -> str:
    try:
        return _ENVELOPE.decode(text).type
    except msgspec.ValidationError as error:
        raise InvalidMessage(f"a message is a JSON object with a type: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage(f"the message is not JSON: {error}") from error
