"""What one bad session costs the good ones: the same neighbours with and without it, in one run.

Before and after each bad session there is a quiet stretch; what is said is the ratio to the
mean of those two.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
import websockets

from intone_bench.bad_sessions import misbehaving
from intone_bench.serving import Cores, intone_serve, serving
from intone_bench.usage import family, usage

_PIECE_S = 0.1
_PING_S = 0.25
_SETTLE_S = 2.0
"""Connections of the stretch before are cleaned up, caches are warm."""
_SERVER_FLAGS = ("--log-level", "error", "--set", "limits.max_sessions=10000")


@dataclass(slots=True)
class Heard:
    """What the neighbours met in one stretch."""

    latencies_ms: list[float] = field(default_factory=list)
    """Of results, as the server says."""
    round_trips_ms: list[float] = field(default_factory=list)
    """Of pings."""
    cpu_share: float = 0.0
    """Of the server's core."""
    errors: int = 0
    """Told to them, and neighbours whose session is not there, or no more."""

    def quantile_ms(self, which: str, q: float) -> float:
        """Return a quantile of ``latencies_ms`` or ``round_trips_ms``; NaN of none."""
        values = getattr(self, which)
        return float(np.quantile(values, q)) if values else float("nan")


class Neighbours:
    """Sessions that speak at the speed of speech; each reports to ``heard``."""

    def __init__(self, url: str, speech: bytes) -> None:
        self._url = url
        self._speech = speech
        self.heard = Heard()
        self.gone = 0
        """Of them, who were refused or whose session ended."""

    async def speak(self, offset_s: float) -> None:
        """Hold one session until cancelled, or for as long as the server does."""
        # What broke it does not matter: nobody is to be taken for a neighbour who is none.
        with suppress(OSError, websockets.WebSocketException):
            await self._hold(offset_s)
        self.gone += 1

    async def _hold(self, offset_s: float) -> None:
        async with websockets.connect(f"{self._url}/v1/stream", compression=None) as session:
            tasks = [
                asyncio.create_task(self._send(session, offset_s)),
                asyncio.create_task(self._ask(session, offset_s)),
            ]
            try:
                async for text in session:
                    self._note(json.loads(text))
            finally:
                for task in tasks:
                    task.cancel()

    async def _send(self, session: websockets.ClientConnection, offset_s: float) -> None:
        piece = round(32_000 * _PIECE_S)
        position = round(offset_s / _PIECE_S) * piece
        due_s = time.monotonic() + offset_s % _PIECE_S
        while True:
            await asyncio.sleep(due_s - time.monotonic())
            start = position % (len(self._speech) // piece * piece)
            await session.send(self._speech[start : start + piece])
            position += piece
            due_s += _PIECE_S

    async def _ask(self, session: websockets.ClientConnection, offset_s: float) -> None:
        await asyncio.sleep(offset_s % _PING_S)
        while True:
            await session.send(json.dumps({"type": "ping", "marker": str(time.monotonic())}))
            await asyncio.sleep(_PING_S)

    def _note(self, message: dict[str, str]) -> None:
        if message["type"] == "pong":
            took_s = time.monotonic() - float(message["marker"])
            self.heard.round_trips_ms.append(took_s * 1_000)
        elif message["type"] == "utterance.result":
            self.heard.latencies_ms.append(float(message["latency_ms"]))
        elif message["type"] == "error" or message.get("reason") == "overloaded":
            self.heard.errors += 1


@asynccontextmanager
async def company(neighbours: Neighbours, count: int) -> AsyncIterator[None]:
    """Have ``count`` neighbours speak, staggered."""
    tasks = [asyncio.create_task(neighbours.speak(i * 0.317)) for i in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _cpu_s(pid: int) -> float:
    return usage(family(pid)).cpu_s


async def stretch(neighbours: Neighbours, pid: int, seconds: float) -> Heard:
    """Listen for some seconds."""
    await asyncio.sleep(_SETTLE_S)
    neighbours.heard = heard = Heard()
    started_s, started_cpu_s = time.monotonic(), _cpu_s(pid)
    await asyncio.sleep(seconds)
    heard.cpu_share = (_cpu_s(pid) - started_cpu_s) / (time.monotonic() - started_s)
    heard.errors += neighbours.gone
    neighbours.heard = Heard()
    return heard


@dataclass(frozen=True, slots=True)
class Comparison:
    """A kind of bad session, and what its neighbours met before, beside and after it."""

    name: str
    before: Heard
    beside: Heard
    after: Heard

    def ratio(self, which: str, q: float) -> float:
        """Return a quantile beside it over the mean of those without it; see :class:`Heard`."""
        quiet = (self.before.quantile_ms(which, q) + self.after.quantile_ms(which, q)) / 2
        return self.beside.quantile_ms(which, q) / quiet

    @property
    def further_cpu_share(self) -> float:
        """Of the server's core, what the bad session takes."""
        return self.beside.cpu_share - (self.before.cpu_share + self.after.cpu_share) / 2


async def measure(
    names: Sequence[str], sessions: int, seconds: float, speech: bytes, cores: Cores
) -> AsyncIterator[Comparison]:
    """Give what ``sessions`` neighbours, who say ``speech``, meet beside each kind of bad one.

    Raises :class:`intone_bench.serving.NotServing`.
    """
    loop = asyncio.get_running_loop()
    with serving(cores.server, intone_serve(*_SERVER_FLAGS)) as server:
        address = server.address
        neighbours = Neighbours(f"ws://{address.host}:{address.port}", speech)
        async with company(neighbours, sessions):
            before = await stretch(neighbours, server.pid, seconds)
            for name in names:
                bad = misbehaving(name, address.port, speech)
                await loop.run_in_executor(None, bad.__enter__)
                try:
                    beside = await stretch(neighbours, server.pid, seconds)
                finally:
                    await loop.run_in_executor(None, bad.__exit__, None, None, None)
                after = await stretch(neighbours, server.pid, seconds)
                yield Comparison(name, before, beside, after)
                before = after
