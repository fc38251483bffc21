"""Who may connect, and how the others are told."""

import asyncio
import json

import aiohttp
import pytest
import talk
import websockets

from intone.errors import SettingsError
from intone.settings import ServerSettings


async def refusal(url, **options):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with talk.connect(url, **options):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]["code"], response.headers


async def greeted(url, **options):
    async with talk.connect(url, **options) as socket:
        message = await talk.receive(socket)
        return message["type"], socket.subprotocol


def bearer(token):
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def test_a_token_by_header_or_subprotocol_is_let_in(serve):
    async with serve(tokens=("alpha", "beta")) as local:
        for token in ("alpha", "beta"):
            assert await greeted(local.url, **bearer(token)) == ("session.created", None)
            subprotocols = ["intone.v1", f"bearer.{token}"]
            assert await greeted(local.url, subprotocols=subprotocols) == (
                "session.created",
                "intone.v1",
            )


async def test_no_token_or_a_wrong_one_is_refused_before_the_upgrade(serve, caplog):
    caplog.set_level("DEBUG")
    async with serve(tokens=("alpha",)) as local:
        status, code, headers = await refusal(local.url)
        assert (status, code, headers["WWW-Authenticate"]) == (401, "unauthorized", "Bearer")
        assert (await refusal(local.url, **bearer("alph")))[:2] == (401, "unauthorized")
        assert (await refusal(local.url, **bearer("alpha2")))[:2] == (401, "unauthorized")
        subprotocols = ["intone.v1", "bearer.secret-guess"]
        assert (await refusal(local.url, subprotocols=subprotocols))[:2] == (401, "unauthorized")
        await greeted(local.url, subprotocols=["intone.v1", "bearer.alpha"])
        # A subprotocol that only carries the token is refused, and the token not logged.
        only_token = await refusal(local.url, subprotocols=["bearer.alpha"])
        assert only_token[:2] == (400, "bad_request")
    own = [r for r in caplog.records if not r.name.startswith("websockets")]
    assert own
    assert "alpha" not in str([vars(record) for record in own])
    assert "secret-guess" not in str([vars(record) for record in own])


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/v1/analyze", "/v1/stream"])
async def test_every_endpoint_that_tells_something_wants_the_token(serve, path):
    method = "POST" if path == "/v1/analyze" else "GET"
    async with serve(tokens=("alpha",)) as local, aiohttp.ClientSession() as client:
        async with client.request(method, local.url + path) as response:
            assert response.status == 401
        headers = {"Authorization": "bearer alpha"}
        async with client.request(method, local.url + path, headers=headers) as response:
            assert response.status != 401


async def test_probes_and_the_page_need_no_token(serve):
    async with serve(tokens=("alpha",)) as local, aiohttp.ClientSession() as client:
        for path in ("/healthz", "/readyz", "/"):
            async with client.get(local.url + path) as response:
                assert response.status == 200


async def test_a_page_of_another_site_is_refused(serve):
    async with serve() as local:
        own = local.url
        assert (await greeted(own, origin=own))[0] == "session.created"
        # Names of hosts have no case, though browsers write them small.
        named = own.replace("127.0.0.1", "localhost")
        assert (await greeted(named, origin=named.upper()))[0] == "session.created"
        for foreign in ("http://elsewhere.example", "null", "http://127.0.0.1:1", "http://[", ""):
            assert (await refusal(own, origin=foreign))[:2] == (403, "forbidden_origin")


async def test_a_page_on_the_list_is_let_in(serve):
    async with serve(allowed_origins=("https://shop.example",)) as local:
        assert (await greeted(local.url, origin="https://shop.example"))[0] == "session.created"
        assert (await refusal(local.url, origin="https://shop.example.net"))[0] == 403
    async with serve(allowed_origins=("*",)) as local:
        assert (await greeted(local.url, origin="null"))[0] == "session.created"


# --- a token in the first message ---------------------------------------------------------


async def conversation_of(url, *messages, query="?auth=message"):
    """Say ``messages`` at once; return what is answered up to the close, and its code."""
    async with talk.connect(url, query) as socket:
        for message in messages:
            await socket.send(message)
        return await talk.receive_all(socket), socket.close_code


AUTH = json.dumps({"type": "auth", "token": "alpha"})
CLOSE = json.dumps({"type": "session.close"})


async def test_a_token_in_the_first_message_is_let_in(serve):
    async with serve(tokens=("beta", "shop:alpha")) as local:
        messages, close_code = await conversation_of(local.url, AUTH, CLOSE)
        assert [message["type"] for message in messages] == ["session.created", "session.closed"]
        assert close_code == 1000


@pytest.mark.parametrize(
    "first",
    [
        json.dumps({"type": "auth", "token": "wrong"}),
        json.dumps({"type": "auth", "token": "shop:alpha"}),
        json.dumps({"type": "auth", "token": "\ud800"}),
        json.dumps({"type": "auth"}),
        CLOSE,
        "nonsense",
        bytes(3_200),
    ],
    ids=lambda first: str(first)[:40],
)
async def test_anything_else_first_is_refused_and_nothing_of_it_is_heard(serve, first, caplog):
    caplog.set_level("INFO")
    async with serve(tokens=("shop:alpha",)) as local:
        messages, close_code = await conversation_of(local.url, first, AUTH)
        assert [message["type"] for message in messages] == ["error"]
        assert messages[0]["code"] == "unauthorized"
        assert close_code == 1008
        assert 'reason="unauthorized"} 1.0' in local.server.metrics.render().decode()
        # Who guesses is seen.
        (refusal,) = (r for r in caplog.records if r.message == "request refused")
        assert refusal.code == "unauthorized"
        assert not local.server.sessions


async def test_who_owes_a_token_takes_no_session_s_place(serve):
    async with serve(tokens=("alpha",), limits={"max_sessions": 1}) as local:
        async with talk.connect(local.url, "?auth=message") as silent:
            # As many again may wait, and no more.
            status, code, _ = await refusal(local.url, query="?auth=message")
            assert (status, code) == (503, "overloaded")
            async with talk.connect(local.url, **bearer("alpha")) as socket:
                assert (await talk.receive(socket))["type"] == "session.created"
                # The place is gone by the time that the token comes.
                await silent.send(AUTH)
                assert (await talk.receive(silent))["code"] == "overloaded"
                await silent.wait_closed()
                assert silent.close_code == 1013
        told, _ = await conversation_of(local.url, AUTH, CLOSE)
        assert told[0]["type"] == "session.created"


async def test_a_first_message_that_does_not_come_is_not_waited_for(serve):
    async with serve(tokens=("alpha",), limits={"auth_timeout_s": 0.05}) as local:
        messages, close_code = await conversation_of(local.url)
        assert (messages[0]["code"], close_code) == ("unauthorized", 1008)


async def test_a_client_that_leaves_before_its_token_leaves_its_place(serve):
    async with serve(tokens=("alpha",), limits={"max_sessions": 1}) as local:
        async with talk.connect(local.url, "?auth=message"):
            pass
        await talk.until(lambda: not local.server.is_occupied)
        _, close_code = await conversation_of(local.url, AUTH, CLOSE)
        assert close_code == 1000


async def test_a_page_of_another_site_is_refused_before_it_can_say_a_token(serve):
    async with serve(tokens=("alpha",)) as local:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with talk.connect(local.url, "?auth=message", origin="http://elsewhere.example"):
                pass
        assert caught.value.response.status_code == 403


async def test_a_server_without_tokens_takes_a_token_that_is_said_all_the_same(serve):
    async with serve() as local:
        messages, close_code = await conversation_of(local.url, AUTH, CLOSE)
        assert [message["type"] for message in messages] == ["session.created", "session.closed"]
        assert close_code == 1000


# --- names --------------------------------------------------------------------------------


async def test_the_log_has_the_name_of_a_token_and_not_the_token(serve, caplog):
    caplog.set_level("INFO")
    async with serve(tokens=("shop:alpha", "beta")) as local:
        await greeted(local.url, **bearer("alpha"))
        await conversation_of(local.url, AUTH, CLOSE)
        await greeted(local.url, **bearer("beta"))
        await talk.until(lambda: not local.server.sessions)
    started = [r for r in caplog.records if r.getMessage() == "session started"]
    assert [getattr(r, "token", None) for r in started] == ["shop", "shop", None]
    own = [r for r in caplog.records if not r.name.startswith("websockets")]
    assert "alpha" not in str([vars(record) for record in own])


@pytest.mark.parametrize(
    "token", ["name:", "a b:secret", "a:b:c", "\xe4:secret", "x" * 41 + ":s", ""]
)
def test_a_token_whose_name_makes_no_sense_is_refused_unshown(token):
    with pytest.raises(SettingsError) as caught:
        ServerSettings(tokens=(token,))
    assert "secret" not in str(caught.value)


# --- what a browser is told ---------------------------------------------------------------


async def test_asked_without_an_upgrade_the_stream_says_why_it_refuses(serve):
    """A browser does not show a page why its WebSocket was refused: this is how it asks."""

    async def answer(local, **headers):
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{local.url}/v1/stream", headers=headers) as response,
        ):
            return response.status, (await response.json())["error"]["code"]

    async with serve(tokens=("alpha",), limits={"max_sessions": 1}) as local:
        allowed = {"Authorization": "Bearer alpha"}
        assert await answer(local) == (401, "unauthorized")
        assert await answer(local, Origin="http://x.example") == (403, "forbidden_origin")
        assert await answer(local, **allowed) == (400, "bad_request")
        async with talk.connect(local.url, **bearer("alpha")) as socket:
            await talk.receive(socket)
            assert await answer(local, **allowed) == (503, "overloaded")


async def test_refusals_are_counted_by_reason(serve):
    async with serve(tokens=("alpha",)) as local:
        await refusal(local.url)
        await refusal(local.url, origin="http://elsewhere.example")
        counted = local.server.metrics.render().decode()
        assert 'intone_connections_rejected_total{reason="unauthorized"} 1.0' in counted
        assert 'intone_connections_rejected_total{reason="forbidden_origin"} 1.0' in counted


async def test_a_header_that_is_no_text_is_only_wrong(serve):
    async with serve(tokens=("alpha",)) as local:
        port = int(local.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.readuntil(b"}}"), talk.DEADLINE_S)
        assert b" 401 " in answer
        assert b'"unauthorized"' in answer
        writer.close()
        await writer.wait_closed()
