"""Connections that ask for nothing are closed; those that asked once are left alone."""

import asyncio
from functools import partial

import pytest
import talk
from aiohttp import web

from intone.settings import ServerSettings
from intone.web import first_request
from intone.web.app import create_app
from intone.web.first_request import FIRST_REQUEST_S, FirstRequests, watched


@pytest.fixture
async def port(store, monkeypatch):
    """Of a server that does not wait long."""
    monkeypatch.setattr(first_request, "FIRST_REQUEST_S", 0.2)
    app = create_app(ServerSettings(port=0), store)
    runner = web.AppRunner(app, access_log=None)
    app.cleanup_ctx.append(partial(watched, runner))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
async def test_who_does_not_come_to_ask_is_closed_and_who_asked_stays(port, said):
    session_reader, session_writer = await asyncio.open_connection("127.0.0.1", port)
    session_writer.write(talk.UPGRADE)
    await session_reader.readuntil(b'"session.created"')
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    assert await asyncio.wait_for(reader.read(), talk.DEADLINE_S) == b""
    # It is older, and says nothing either.
    assert not session_reader.at_eof()
    session_writer.write(masked_ping())
    await asyncio.wait_for(session_reader.readuntil(b"\x8a\x00"), talk.DEADLINE_S)
    for each in (writer, session_writer):
        each.close()


def masked_ping() -> bytes:
    return b"\x89\x80" + bytes(4)


def test_each_has_its_own_time_and_is_forgotten_when_it_has_gone():
    requests = FirstRequests()
    assert requests.late(["a"], 0.0) == []
    assert requests.late(["a", "b"], 1.0) == []
    assert requests.late(["a", "b"], FIRST_REQUEST_S) == ["a"]
    assert requests.late(["b"], FIRST_REQUEST_S + 1.0) == ["b"]
    # Another connection may have the place of one that has gone.
    assert requests.late([], FIRST_REQUEST_S + 2.0) == []
    assert requests.late(["a"], FIRST_REQUEST_S + 3.0) == []
