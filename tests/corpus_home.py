"""A corpus's home for tests: a real HTTP server whose faults a test chooses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """One path of the home."""

    content: bytes
    status: int = 200
    etag: str | None = '"v1"'
    ranges: bool = True
    """Whether a part can be asked for."""
    break_after: list[int] = field(default_factory=list)
    """For each answer to come, the bytes after which the connection is cut; then none is."""
    busy: int = 0
    """How many answers say 429 first."""


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    path: str
    range: str | None
    if_range: str | None


class Home(ThreadingHTTPServer):
    """What a running home serves, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that leaves an answer unread, as ours does with a refusal.

        It would be said on standard error, at any time: in the middle of what a command says there.
        """
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Home

    def do_GET(self) -> None:
        ask = Asked(self.path, self.headers["Range"], self.headers["If-Range"])
        self.server.asked.append(ask)
        served = self.server.files.get(self.path)
        if served is None or served.status != 200:
            self._answer(404 if served is None else served.status, b"sorry", {})
        elif served.busy:
            served.busy -= 1
            self._answer(429, b"later", {"Retry-After": "0"})
        else:
            self._give(served, self._start(served, ask))

    def _start(self, served: Served, ask: Asked) -> int:
        if ask.range is None or not served.ranges or ask.if_range not in {None, served.etag}:
            return 0
        return int(ask.range.removeprefix("bytes=").removesuffix("-"))

    def _give(self, served: Served, start: int) -> None:
        size = len(served.content)
        if start and start >= size:
            self._answer(416, b"", {"Content-Range": f"bytes */{size}"})
            return
        headers = {} if served.etag is None else {"ETag": served.etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        cut = served.break_after.pop(0) if served.break_after else None
        self._answer(206 if start else 200, served.content[start:], headers, cut)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep quiet: the tests look at ``asked``."""


@contextmanager
def running_home() -> Iterator[Home]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with Home() as home:
        thread = threading.Thread(target=home.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield home
        finally:
            home.shutdown()
            thread.join()
