"""The page at ``/`` and the browser client's files under ``/client/``."""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import ETag, hdrs, web

from intone.errors import NotFound
from intone.web.page_files import PageFile, read
from intone.web.responses import Handler

CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
"""What is served, and as what: the system's table may call a module text/plain."""

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def routes(folder: Path) -> list[web.RouteDef]:
    """Return the routes that serve the browser client in ``folder`` and the page in its ``page``.

    Nothing else below ``folder`` is served.
    """
    page = folder / "page"
    return [
        web.get("/", _file_handler(page, "index.html")),
        web.get("/client/{name}", _file_handler(folder)),
        web.get("/client/page/{name}", _file_handler(page)),
    ]


def _file_handler(folder: Path, fixed_name: str | None = None) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        name = fixed_name or request.match_info["name"]
        path = folder / name
        # A name may have come with %2F or %00 in it.
        if not _NAME.fullmatch(name) or path.suffix not in CONTENT_TYPES or not path.is_file():
            raise NotFound(f"there is nothing at {request.path}")
        return _answer(request, read(path), _headers(request, path.suffix))

    return serve


def _answer(request: web.Request, file: PageFile, headers: dict[str, str]) -> web.Response:
    # Weak: it names the file, however it is packed for the way.
    tag = ETag(file.version, is_weak=True)
    if any(known.value == tag.value for known in request.if_none_match or ()):
        response = web.Response(status=304, headers=headers)
    elif "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
        response = web.Response(body=file.gzipped, headers=headers)
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    else:
        response = web.Response(body=file.plain, headers=headers)
    response.etag = tag
    return response


def _headers(request: web.Request, suffix: str) -> dict[str, str]:
    # A page of another origin may import the client's modules: they are the same for everybody.
    shared = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"} if suffix == ".js" else {}
    return shared | {
        hdrs.CONTENT_TYPE: f"{CONTENT_TYPES[suffix]}; charset=utf-8",
        # A new version of the server brings new files; a conditional request is cheap.
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        "Content-Security-Policy": _policy(request.host),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "microphone=(self)",
    }


def _policy(host: str) -> str:
    """Only this server's own files and sockets; nothing inline."""
    # Not every browser counts ws: to 'self'.
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self' blob:",
            f"connect-src 'self'{sockets}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )
