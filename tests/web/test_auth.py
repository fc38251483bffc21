"""Who may connect, and how the others are told."""

import asyncio
import json

import aiohttp
import pytest
import talk
import websockets


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
        for foreign in ("http://elsewhere.example", "null", "http://127.0.0.1:1", "http://[", ""):
            assert (await refusal(own, origin=foreign))[:2] == (403, "forbidden_origin")


async def test_a_page_on_the_list_is_let_in(serve):
    async with serve(allowed_origins=("https://shop.example",)) as local:
        assert (await greeted(local.url, origin="https://shop.example"))[0] == "session.created"
        assert (await refusal(local.url, origin="https://shop.example.net"))[0] == 403
    async with serve(allowed_origins=("*",)) as local:
        assert (await greeted(local.url, origin="null"))[0] == "session.created"


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
