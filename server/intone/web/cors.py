"""What pages of other origins may read of the endpoints (the Fetch standard's CORS protocol).

A page whose origin is allowed reads every answer. Any other reads that it is refused, and no
more: a browser does not show a page why its WebSocket was refused, so that it has to ask.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from intone.errors import ForbiddenOrigin
from intone.web import auth
from intone.web.keys import SERVER

_METHODS = "GET, POST"
_HEADERS = "Authorization, Content-Type"
_REMEMBERED_S = 600
"""How long a browser need not ask again whether it may ask."""


def middleware(paths: Iterable[str]) -> Middleware:
    """Return what lets answers of ``paths`` be read; outside of what makes answers of errors."""
    shared = frozenset(paths)

    @web.middleware
    async def share(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        # Of a connection that was upgraded, the answer is long gone.
        if request.path in shared and not response.prepared:
            _share(request, response)
        return response

    return share


def _share(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return
    is_refusal = response.status == ForbiddenOrigin.http_status
    is_question = request.method == hdrs.METH_OPTIONS
    allowed_origins = request.app[SERVER].settings.allowed_origins
    if is_refusal or is_question or auth.is_origin_allowed(request, allowed_origins):
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER


async def preflight(_: web.Request) -> web.Response:
    """Answer ``OPTIONS``: any page may ask with a token, whatever it is told then."""
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(_REMEMBERED_S),
        },
    )
