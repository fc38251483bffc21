"""What pages of other origins are told, and that it is no more."""

import aiohttp
import pytest
import talk

SHOP = "https://shop.example"
ASKED = [("GET", "/v1/stream"), ("GET", "/v1/models"), ("POST", "/v1/analyze")]


async def asked(local, method, path, **headers):
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, local.url + path, headers=headers) as response,
    ):
        return response.status, response.headers


@pytest.mark.parametrize(("method", "path"), ASKED)
async def test_a_page_that_is_allowed_reads_what_it_is_answered(serve, method, path):
    async with serve(tokens=("alpha",), allowed_origins=(SHOP,)) as local:
        status, headers = await asked(local, method, path, Origin=SHOP, Authorization="Bearer x")
        assert status == 401
        assert headers["Access-Control-Allow-Origin"] == SHOP
        assert headers["Vary"] == "Origin"
        status, headers = await asked(
            local, method, path, Origin=SHOP, Authorization="Bearer alpha"
        )
        assert status != 401
        assert headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize(("method", "path"), ASKED)
async def test_any_other_reads_that_it_is_refused(serve, method, path):
    async with serve(allowed_origins=(SHOP,)) as local:
        status, headers = await asked(local, method, path, Origin="https://else.example")
        assert status == 403
        assert headers["Access-Control-Allow-Origin"] == "https://else.example"


@pytest.mark.parametrize("path", ["/v1/elsewhere", "/healthz", "/metrics", "/"])
async def test_nothing_else_is_there_for_other_origins(serve, path):
    async with serve(allowed_origins=(SHOP,)) as local:
        for origin in (SHOP, "https://else.example"):
            _, headers = await asked(local, "GET", path, Origin=origin)
            assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", [path for _, path in ASKED])
@pytest.mark.parametrize("origin", [SHOP, "https://else.example"])
async def test_a_browser_may_ask_with_a_token(serve, path, origin):
    async with serve(tokens=("alpha",), allowed_origins=(SHOP,)) as local:
        wanted = {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        status, headers = await asked(local, "OPTIONS", path, Origin=origin, **wanted)
        assert status == 204
        assert headers["Access-Control-Allow-Origin"] == origin
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        assert "GET" in headers["Access-Control-Allow-Methods"]
        # Cookies are never asked for: a page cannot act as somebody else.
        assert "Access-Control-Allow-Credentials" not in headers


async def test_programs_are_told_no_origin(serve):
    async with serve() as local:
        _, headers = await asked(local, "GET", "/v1/models")
        assert "Access-Control-Allow-Origin" not in headers


async def test_when_to_come_back_can_be_read(serve):
    async with serve(allowed_origins=("*",), limits={"max_sessions": 1}) as local:
        async with talk.connect(local.url) as socket:
            await talk.receive(socket)
            status, headers = await asked(local, "GET", "/v1/stream", Origin=SHOP)
        assert (status, headers["Access-Control-Allow-Origin"]) == (503, SHOP)
        assert headers["Access-Control-Expose-Headers"] == "Retry-After"
        assert headers["Retry-After"]
