"""A WebSocket to the server, by websockets; nothing else of the client imports it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from intone.client.messages import decode_refusal
from intone.client.reconnect import is_retryable_status
from intone.client.within import within
from intone.errors import (
    ForbiddenOrigin,
    IntoneError,
    Overloaded,
    RateLimited,
    ServerUnavailable,
    SettingsError,
    Unauthorized,
)

OPEN_TIMEOUT_S = 10.0
"""A server answers a handshake in milliseconds; a dead address never does."""

_CLOSE_TIMEOUT_S = 1.0
"""Whoever closes here has its results, or gave them up: there is nothing to wait for."""

STREAM_PATH = "/v1/stream"
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_ABNORMAL = 1006
"""What RFC 6455 calls a connection that ended without a close frame."""

_REFUSALS: Mapping[int, type[IntoneError]] = {
    401: Unauthorized,
    403: ForbiddenOrigin,
    429: RateLimited,
    503: Overloaded,
}
"""For a proxy's refusal; the server's own names its error in the body."""


class ConnectionLost(Exception):
    """The socket is closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"connection closed ({code}{' ' + reason if reason else ''})")
        self.code = code


class Refused(Exception):
    """No connection came about; ``error`` says why."""

    def __init__(
        self, error: IntoneError, *, is_retryable: bool, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_retryable = is_retryable
        self.retry_after_s = retry_after_s


class Connection:
    """One WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: str | bytes) -> None:
        """Send one message; raise :class:`ConnectionLost`."""
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def receive(self) -> str:
        """Return the next text message; raise :class:`ConnectionLost`."""
        try:
            while True:
                message = await self._socket.recv()
                if isinstance(message, str):
                    return message
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def close(self) -> None:
        """Close the socket; safe to repeat."""
        try:
            # A close frame waits behind what a server that stopped reading does not take.
            await within(_CLOSE_TIMEOUT_S, self._socket.close())
        except asyncio.TimeoutError:
            self._socket.transport.abort()


def _lost(error: ConnectionClosed) -> ConnectionLost:
    if error.rcvd is None:
        return ConnectionLost(_ABNORMAL, "")
    return ConnectionLost(error.rcvd.code, error.rcvd.reason)


def stream_url(url: str, query: Mapping[str, object]) -> str:
    """Return the address of the stream on the server at ``url``, whose path may be left out."""
    wrong = SettingsError(f"{url!r} is not an address like ws://127.0.0.1:8765")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none, a bracket that is not closed
        raise wrong from None
    if not is_address:
        raise wrong
    path = parts.path if parts.path not in ("", "/") else STREAM_PATH
    try:
        asked = urlencode(query)
    except UnicodeError:
        raise SettingsError("what is asked for has characters that no address carries") from None
    joined = "&".join(filter(None, [parts.query, asked]))
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, joined, ""))


async def open_connection(url: str, token: str | None) -> Connection:
    """Connect to a stream address; raise :class:`Refused`, or :class:`SettingsError`."""
    if token and not (token.isascii() and token.isprintable()):
        # websockets would quote it, or send it in an encoding that the server does not expect.
        raise SettingsError("a token must be of printable ASCII characters")
    headers = {"Authorization": f"Bearer {token}"} if token else None
    try:
        # Audio hardly deflates, and each deflating connection holds memory for it.
        socket = await websocket_connect(
            url,
            additional_headers=headers,
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
        )
    except InvalidStatus as error:
        raise _refused(error) from error
    except ssl.SSLCertVerificationError as error:
        raise Refused(ServerUnavailable(str(error)), is_retryable=False) from error
    except (InvalidURI, InvalidProxy, ValueError, ImportError) as error:
        # A host that is no name, here or where the server sends us; a proxy, of the environment,
        # that is none or needs a package more.
        raise Refused(SettingsError(f"{error}"), is_retryable=False) from error
    except (OSError, InvalidHandshake, EOFError, asyncio.TimeoutError) as error:
        sentence = f"cannot connect to {_shown(url)}: {str(error) or type(error).__name__}"
        raise Refused(ServerUnavailable(sentence), is_retryable=True) from error
    return Connection(socket)


def _refused(refusal: InvalidStatus) -> Refused:
    response = refusal.response
    status = response.status_code
    error = decode_refusal(bytes(response.body or b""))
    if error is None:
        error = _REFUSALS.get(status, ServerUnavailable)(f"the server answered HTTP {status}")
    # A proxy may add one of its own.
    given = [after for after in response.headers.get_all("Retry-After") if after.isdecimal()]
    return Refused(
        error,
        is_retryable=is_retryable_status(status),
        retry_after_s=max(map(float, given), default=0.0),
    )


def _shown(url: str) -> str:
    """As errors name it: without the query and without a password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
