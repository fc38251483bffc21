"""Who takes no answer is dropped; who takes them slowly is not."""

import asyncio
import socket
from dataclasses import dataclass
from functools import partial

import talk
from aiohttp import web

from intone.settings import ServerSettings
from intone.web import slow_readers
from intone.web.app import create_app
from intone.web.http_input import PacedRunner
from intone.web.slow_readers import STUCK_S, SlowReaders, aborted


@dataclass(eq=False)
class Reader:
    untaken_bytes: int


def test_only_who_takes_nothing_for_long_is_stuck():
    readers = SlowReaders()
    idle, slow, stuck = Reader(0), Reader(100_000), Reader(5_000)
    for step in range(5):
        slow.untaken_bytes -= 1
        assert readers.stuck([idle, slow, stuck], step * STUCK_S / 5) == []
    assert readers.stuck([idle, slow, stuck], STUCK_S) == [stuck]
    stuck.untaken_bytes += 1
    assert readers.stuck([idle, slow, stuck], STUCK_S + 1) == []
    # Another connection may have the place of one that has gone.
    assert readers.stuck([], STUCK_S + 2) == []
    assert readers.stuck([slow, stuck], 3 * STUCK_S) == []


async def test_who_asks_and_reads_nothing_is_dropped(store, monkeypatch):
    monkeypatch.setattr(slow_readers, "STUCK_S", 0.2)
    app = create_app(ServerSettings(port=0), store)
    runner = PacedRunner(app, access_log=None)
    app.cleanup_ctx.append(partial(aborted, runner))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(runner.addresses[0][:2])
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1_000)
            await talk.until(lambda: runner.server.connections)
            await talk.until(lambda: not runner.server.connections)
    finally:
        await asyncio.wait_for(runner.cleanup(), talk.DEADLINE_S)
