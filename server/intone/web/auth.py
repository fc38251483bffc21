"""Who may connect: a token where the server has one, and no page from elsewhere."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from intone.errors import BadRequest, ForbiddenOrigin, Unauthorized
from intone.settings import ServerSettings, split_token

BEARER_SUBPROTOCOL = "bearer."
"""Prefix of the subprotocol that carries a token: a browser cannot set a header."""


FIRST_MESSAGE = "message"
"""``?auth=message``: the token comes as the first message, which no proxy logs."""


def check(request: web.Request, settings: ServerSettings) -> str:
    """Return the name of the request's token, if it has one.

    Raises :class:`Unauthorized` or :class:`ForbiddenOrigin` unless the request may go on.
    """
    check_origin(request, settings.allowed_origins)
    return check_token(_given_token(request), settings.tokens)


def as_logged(token_name: str) -> dict[str, str]:
    """Return what a line of the log says of whose token it was: nothing where it has no name."""
    return {"token": token_name} if token_name else {}


def check_origin(request: web.Request, allowed_origins: tuple[str, ...]) -> None:
    """Refuse pages of other sites, by :class:`ForbiddenOrigin`."""
    if not is_origin_allowed(request, allowed_origins):
        raise ForbiddenOrigin("pages of this origin may not connect; see --allowed-origin")


def is_origin_allowed(request: web.Request, allowed_origins: tuple[str, ...]) -> bool:
    """Whether the page may connect; a request without ``Origin`` does not come from a page."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origin in allowed_origins or "*" in allowed_origins:
        return True
    # The scheme is not compared: a proxy in front may have ended TLS.
    return _host_of(origin) == request.host.lower()


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def check_token(given: str | None, tokens: tuple[str, ...]) -> str:
    """Return the name of ``given`` among ``tokens``; raise :class:`Unauthorized` otherwise."""
    if not tokens:
        return ""
    if given is None:
        raise Unauthorized(
            "a token is needed: Authorization: Bearer, a subprotocol bearer.…, "
            "or ?auth=message and a first message"
        )
    # Every token is compared, each in constant time: the time tells nothing.
    # aiohttp keeps bytes that are no UTF-8 as surrogates, and JSON may bring any.
    given_bytes = given.encode(errors="surrogatepass")
    named = [split_token(text) for text in tokens]
    matches = [name for name, token in named if hmac.compare_digest(given_bytes, token.encode())]
    if not matches:
        raise Unauthorized("the token is not known here")
    return matches[0]


def comes_first_message(request: web.Request, settings: ServerSettings) -> bool:
    """Whether the token is to come once the connection is open."""
    return (
        bool(settings.tokens)
        and request.query.get("auth") == FIRST_MESSAGE
        and _given_token(request) is None
    )


def _given_token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for offered in offered_subprotocols(request):
        if offered.startswith(BEARER_SUBPROTOCOL):
            return offered[len(BEARER_SUBPROTOCOL) :]
    return None


def offered_subprotocols(request: web.Request) -> list[str]:
    """Return the WebSocket subprotocols that the client offers, in its order."""
    header = ",".join(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
    return [offered.strip() for offered in header.split(",") if offered.strip()]


def choose_subprotocol(request: web.Request, name: str) -> tuple[str, ...]:
    """Return ``(name,)`` if the client offers it, ``()`` if it offers none.

    Raises :class:`BadRequest` if it offers only others. aiohttp would log those, and a
    token may be among them.
    """
    offered = offered_subprotocols(request)
    if offered and name not in offered:
        raise BadRequest(f"this endpoint speaks the subprotocol {name}")
    return (name,) if offered else ()
