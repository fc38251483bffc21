"""Opens WebSockets by hand: one request, one answer, then the bare socket."""

from __future__ import annotations

import base64
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from intone.types import AudioFormat

_TIMEOUT_S = 10.0
"""An overloaded server answers late; one that does not answer at all should be said."""


class Refused(Exception):
    """The server let no session in; the first line of its answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens, and as whom to come."""

    host: str
    port: int
    token: str = ""

    @classmethod
    def of(cls, url: str, token: str = "") -> Address:
        """Read ``ws://HOST:PORT`` or ``http://HOST:PORT``; raise :class:`ValueError`."""
        parts = urlsplit(url)
        if parts.scheme not in ("ws", "http") or not parts.hostname or not parts.port:
            raise ValueError(f"the server's address is ws://HOST:PORT, not {url!r}")
        return cls(parts.hostname, parts.port, token)

    @property
    def http_url(self) -> str:
        """Where its pages are."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def dial(address: Address, audio: AudioFormat) -> tuple[socket.socket, bytes]:
    """Open a session; return its socket, not blocking, and what came after the upgrade.

    Raises :class:`Refused` and :class:`OSError`.
    """
    connection = socket.create_connection((address.host, address.port), _TIMEOUT_S)
    try:
        rest = upgrade(connection, address, audio)
    except BaseException:
        connection.close()
        raise
    connection.setblocking(False)
    return connection, rest


def upgrade(connection: socket.socket, address: Address, audio: AudioFormat) -> bytes:
    """Open a session on a connected, blocking socket; return what came after the upgrade.

    Raises :class:`Refused` and :class:`OSError`.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(_request(address, audio))
    return _answer(connection)


def _request(address: Address, audio: AudioFormat) -> bytes:
    query = urlencode(
        {
            "encoding": audio.encoding.value,
            "sample_rate": audio.sample_rate_hz,
            "channels": audio.channels,
        }
    )
    lines = [
        f"GET /v1/stream?{query} HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    if address.token:
        lines.append(f"Authorization: Bearer {address.token}")
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(4096)
        if not more:
            raise Refused("the server hung up during the upgrade")
        got += more
    head, _, rest = got.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].decode("latin-1")
    if " 101 " not in status:
        raise Refused(status)
    return rest
