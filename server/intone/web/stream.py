"""``GET /v1/stream`` and the endpoints of other dialects: who may in, then the session."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web

from intone.errors import BadRequest, IntoneError
from intone.web import auth, first_message
from intone.web.dialect import Dialect
from intone.web.keys import SERVER
from intone.web.responses import Handler
from intone.web.server import Phase, Server
from intone.web.session import StreamSession
from intone.web.websocket import ClientGone, StreamSocket

log = logging.getLogger(__name__)


def handler(dialect: Dialect) -> Handler:
    """Return the handler of ``dialect``'s path.

    Every refusal comes before the upgrade, except that of a token in the first message.
    """

    async def stream(request: web.Request) -> web.StreamResponse:
        server = request.app[SERVER]
        settings = server.settings
        auth.check_origin(request, settings.allowed_origins)
        token_follows = auth.comes_first_message(request, settings)
        token_name = "" if token_follows else auth.check(request, settings)
        protocols = auth.choose_subprotocol(request, dialect.name)
        socket = StreamSocket(protocols, settings.limits.max_message_bytes)
        # Before the next check: a browser, which is not shown why its upgrade was refused,
        # asks again without one to be told.
        server.check_room()
        if not socket.can_prepare(request):
            raise BadRequest(
                f"{request.path} is a WebSocket endpoint: connect with ws:// or wss://"
            )
        # What a dialect refuses is refused while that is still an answer of HTTP.
        wishes = dialect.wishes(request.query)
        with server.session_place(dialect.name):
            try:
                await socket.prepare(request)
            except ConnectionError as error:
                raise BadRequest("the connection was lost before the upgrade") from error
            try:
                if token_follows:
                    token_name = await _first_message(server, request.path, socket)
            except ClientGone:
                return socket
            except IntoneError as error:
                await first_message.refuse(socket, error)
                return socket
            session = StreamSession(server, dialect, socket, token_name)
            await _run(server, session, wishes)
        return socket

    return stream


async def _first_message(server: Server, path: str, socket: StreamSocket) -> str:
    settings = server.settings
    try:
        return await first_message.authenticate(socket, settings.tokens, settings.limits)
    except IntoneError as error:
        server.metrics.connections_rejected.labels(error.code).inc()
        log.info("request refused", extra={"path": path, "code": error.code})
        raise


async def _run(server: Server, session: StreamSession, wishes: Mapping[str, object]) -> None:
    server.sessions.add(session)
    try:
        # The server may have begun to stop during the upgrade.
        if server.phase is Phase.DRAINING:
            session.stop()
        await session.run(wishes)
    finally:
        server.sessions.discard(session)
