"""``GET /v1/stream`` and the endpoints of other dialects: who may in, then the session."""

from __future__ import annotations

from aiohttp import web

from intone.errors import BadRequest
from intone.web import auth
from intone.web.dialect import Dialect
from intone.web.keys import SERVER
from intone.web.responses import Handler
from intone.web.server import Phase
from intone.web.session import StreamSession
from intone.web.websocket import StreamSocket


def handler(dialect: Dialect) -> Handler:
    """Return the handler of ``dialect``'s path. Every refusal comes before the upgrade."""

    async def stream(request: web.Request) -> web.StreamResponse:
        server = request.app[SERVER]
        auth.check(request, server.settings)
        protocols = auth.choose_subprotocol(request, dialect.name)
        socket = StreamSocket(protocols, server.settings.limits.max_message_bytes)
        if not socket.can_prepare(request):
            raise BadRequest(
                f"{request.path} is a WebSocket endpoint: connect with ws:// or wss://"
            )
        with server.session_place(dialect.name):
            await socket.prepare(request)
            session = StreamSession(server, dialect, socket)
            server.sessions.add(session)
            try:
                # The server may have begun to stop during the upgrade.
                if server.phase is Phase.DRAINING:
                    session.stop()
                await session.run(dialect.wishes(request.query))
            finally:
                server.sessions.discard(session)
        return socket

    return stream
