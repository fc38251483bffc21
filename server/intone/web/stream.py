"""``GET /v1/stream`` and the endpoints of other dialects: who may in, then the session."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from aiohttp import web

from intone.errors import BadRequest, IntoneError
from intone.web import auth, first_message
from intone.web.dialect import Dialect
from intone.web.keys import SERVER
from intone.web.responses import Handler, note_refusal
from intone.web.server import Phase, Server
from intone.web.session import StreamSession
from intone.web.websocket import ClientGone, StreamSocket


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
        with contextlib.ExitStack() as place:
            if token_follows:
                told = await _told(request, socket, place, dialect.name)
                if told is None:
                    return socket
                token_name = told
            else:
                place.enter_context(server.session_place(dialect.name))
                await _upgrade(request, socket)
            await _run(server, StreamSession(server, dialect, socket, token_name), wishes)
        return socket

    return stream


async def _told(
    request: web.Request, socket: StreamSocket, place: contextlib.ExitStack, protocol: str
) -> str | None:
    """Return whose token the first message is, and take a session's place, which it had not yet.

    None where there is none: the client is gone, or has been told why.
    """
    server = request.app[SERVER]
    settings = server.settings
    with server.waiting_place():
        await _upgrade(request, socket)
        try:
            name = await first_message.authenticate(socket, settings.tokens, settings.limits)
            place.enter_context(server.session_place(protocol))
        except ClientGone:
            return None
        except IntoneError as error:
            note_refusal(request, error)
            await first_message.refuse(socket, error)
            return None
    return name


async def _upgrade(request: web.Request, socket: StreamSocket) -> None:
    try:
        await socket.prepare(request)
    except ConnectionError as error:
        raise BadRequest("the connection was lost before the upgrade") from error


async def _run(server: Server, session: StreamSession, wishes: Mapping[str, object]) -> None:
    server.sessions.add(session)
    try:
        # The server may have begun to stop during the upgrade.
        if server.phase is Phase.DRAINING:
            session.stop()
        await session.run(wishes)
    finally:
        server.sessions.discard(session)
