"""HTTP that comes faster than it can be parsed, and what is no HTTP at all."""

import asyncio
import contextlib
import gc
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from intone.web import http_input
from intone.web.http_input import MOST_DISCARDED_BYTES, PIECE_BYTES

CHUNKED = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def parsed(monkeypatch):
    """The sizes of what aiohttp was given at once."""
    sizes = []
    take = web.RequestHandler.data_received

    def noted(self, data):
        sizes.append(len(data))
        take(self, data)

    monkeypatch.setattr(web.RequestHandler, "data_received", noted)
    return sizes


def opened(local):
    where = urlsplit(local.url)
    return asyncio.open_connection(where.hostname, where.port)


async def upload(local, content):
    async with aiohttp.ClientSession() as http:
        answer = await http.post(f"{local.url}/v1/analyze", data=content)
        return answer.status, await answer.json()


async def test_a_body_in_chunks_of_a_byte_is_read_in_pieces(serve, male_wav, parsed):
    content = male_wav.read_bytes()
    async with serve() as local:
        expected = await upload(local, content)
        parsed.clear()
        reader, writer = await opened(local)
        writer.write(CHUNKED % b"/v1/analyze" + b"".join(b"1\r\n%c\r\n" % byte for byte in content))
        writer.write(b"0\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert expected[1]["utterances"][0]["emotion"]["label"].encode() in await reader.read(4_096)
        writer.close()
    assert sum(parsed) > 6 * len(content)
    assert max(parsed) == PIECE_BYTES


@pytest.mark.parametrize("burst_s", [0.0, 0.001])
async def test_nothing_is_lost_in_a_rest(serve, male_wav, monkeypatch, parsed, burst_s):
    monkeypatch.setattr(http_input, "_BURST_S", burst_s)
    monkeypatch.setattr(http_input, "PIECE_BYTES", 1_000)
    async with serve() as local:
        first, second = [await upload(local, male_wav.read_bytes()) for _ in range(2)]
    assert first == second
    assert first[0] == 200
    assert len(parsed) > 2 * male_wav.stat().st_size // 1_000


@pytest.mark.parametrize("start", [b"\0", b"GET /healthz HTTP/1.1\r\nbad header\r\n"])
async def test_what_is_no_http_is_refused_once_and_kept_nowhere(serve, start):
    sent_bytes = 0
    gc.collect()
    gc.disable()
    try:
        async with serve() as local:
            for _ in range(3):
                reader, writer = await opened(local)
                writer.write(start)
                with contextlib.suppress(ConnectionError):
                    for _ in range(100):
                        writer.write(bytes(MOST_DISCARDED_BYTES))
                        await writer.drain()
                        sent_bytes += MOST_DISCARDED_BYTES
                with contextlib.suppress(ConnectionError):
                    assert (await reader.read(12)).startswith(b"HTTP/1.0 400")
                writer.close()
        left = [type(one).__name__ for one in gc.get_objects()]
        assert "BadHttpMethod" not in left
        assert "BadHttpMessage" not in left
    finally:
        gc.enable()
    # What sockets hold, three times, and not a hundred megabytes each.
    assert sent_bytes < 60 * MOST_DISCARDED_BYTES
