"""JSON bodies, and every error of an HTTP endpoint as one shape of body."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import hdrs, web

from intone.errors import (
    BadRequest,
    IntoneError,
    MessageTooLarge,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    ShuttingDown,
    Unauthorized,
)
from intone.web import codec, translate
from intone.web.ending import our_fault
from intone.web.keys import SERVER

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 5
"""A session ends, or another server takes over, within seconds rather than minutes."""

NO_STORE: dict[str, str] = {hdrs.CACHE_CONTROL: "no-store"}
"""Answers that are true now only."""

_PATH_CHARS = 200
"""Of a refused path, in the log: whoever asks for long ones need not fill it."""


def json_response(body: msgspec.Struct, status: int = 200) -> web.Response:
    """Answer with one of the wire's bodies."""
    return web.Response(
        text=codec.encode(body), content_type="application/json", status=status, headers=NO_STORE
    )


def error_response(error: IntoneError) -> web.Response:
    """Answer with an error, by its own status."""
    response = json_response(translate.error_body(error), error.http_status)
    if isinstance(error, Overloaded | ShuttingDown):
        response.headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_S)
    if isinstance(error, Unauthorized):
        response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response


@web.middleware
async def translate_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into the one shape; details of the unexpected are logged only."""
    try:
        return await handler(request)
    except IntoneError as error:
        return _refused(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = _refused(request, _from_http(error, request))
        if hdrs.ALLOW in error.headers:
            response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return error_response(our_fault())


def note_refusal(request: web.Request, error: IntoneError) -> None:
    """Count and log that a request is refused."""
    # Who looks for what is not there asks for no connection.
    if not isinstance(error, NotFound):
        request.app[SERVER].metrics.connections_rejected.labels(error.code).inc()
    path = request.path[:_PATH_CHARS]
    log.info("request refused", extra={"path": path, "code": error.code})


def _refused(request: web.Request, error: IntoneError) -> web.Response:
    note_refusal(request, error)
    return error_response(error)


def _from_http(error: web.HTTPException, request: web.Request) -> IntoneError:
    if error.status == 404:
        return NotFound(f"there is nothing at {request.path}")
    if error.status == 405:
        return MethodNotAllowed(f"{request.path} does not take {request.method}")
    if error.status == 413:
        return MessageTooLarge("the body is too large")
    if error.status < 500:
        return BadRequest((error.text or error.reason).strip())
    return IntoneError("something went wrong here")
