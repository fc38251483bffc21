"""Wire protocols that come as plug-ins, and go wrong."""

import dataclasses

import aiohttp
import pytest

from intone import plugins
from intone.errors import BadRequest
from intone.web.dialect import intone_v1


def refusing(_query):
    raise BadRequest("nothing that is spoken here")


def failing(_query):
    raise KeyError("a fault of the plug-in")


def have_it_wish(monkeypatch, wishes):
    """Put another dialect in the place of intone's own."""
    broken = dataclasses.replace(intone_v1, wishes=wishes)
    load = plugins.load

    def load_broken(group, name):
        return broken if group == plugins.DIALECTS else load(group, name)

    monkeypatch.setattr(plugins, "load", load_broken)


@pytest.mark.parametrize(("wishes", "status"), [(refusing, 400), (failing, 500)])
async def test_a_query_that_a_dialect_does_not_take_is_refused_before_the_upgrade(
    serve, monkeypatch, wishes, status
):
    have_it_wish(monkeypatch, wishes)
    async with serve() as local, aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await client.ws_connect(f"{local.url}/v1/stream")
        assert caught.value.status == status
        assert not local.server.sessions


async def test_a_session_that_cannot_begin_leaves_nothing(serve, monkeypatch):
    have_it_wish(monkeypatch, lambda _: {"unheard_of": 1})
    async with serve() as local, aiohttp.ClientSession() as client:
        async with client.ws_connect(f"{local.url}/v1/stream") as socket:
            message = await socket.receive()
            assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
        assert not local.server.sessions
