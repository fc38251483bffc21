"""What one bad session costs the good ones: the same neighbours with and without it, in one run.

``python -m intone_bench.neighbours`` starts a server of its own. Before and after each bad
session there is a quiet stretch; what is said is the ratio to the mean of those two.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import soundfile
import websockets
from rich.console import Console
from rich.table import Table

from intone_bench.bad_sessions import BAD, TooFewFiles, misbehaving, raise_file_limit

_PIECE_S = 0.1
_PING_S = 0.25
_SETTLE_S = 2.0
"""Connections of the stretch before are cleaned up, caches are warm."""
_FILES = 12_000
"""Sockets of 5,000 idle sessions and their successors."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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

    async def speak(self, offset_s: float) -> None:
        """Hold one session until cancelled."""
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


@contextmanager
def server() -> Iterator[tuple[int, int]]:
    """Run a server with room for all; give its process id and its port."""
    flags = ["--port", "0", "--log-level", "error", "--set", "limits.max_sessions=10000"]
    command = [sys.executable, "-m", "intone", "serve", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        said = re.search(r":(\d+)/", process.stdout.readline())
        assert said is not None, "the server did not start"
        try:
            yield process.pid, int(said[1])
        finally:
            process.terminate()


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


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


async def stretch(neighbours: Neighbours, pid: int, seconds: float) -> Heard:
    """Listen for some seconds."""
    await asyncio.sleep(_SETTLE_S)
    neighbours.heard = heard = Heard()
    started_s, started_cpu_s = time.monotonic(), cpu_s(pid)
    await asyncio.sleep(seconds)
    heard.cpu_share = (cpu_s(pid) - started_cpu_s) / (time.monotonic() - started_s)
    neighbours.heard = Heard()
    return heard


async def measure(
    names: list[str], sessions: int, seconds: float, speech: bytes
) -> AsyncIterator[tuple[str, Heard, Heard, Heard]]:
    """Give for each kind what neighbours heard before, beside and after it."""
    loop = asyncio.get_running_loop()
    with server() as (pid, port):
        neighbours = Neighbours(f"ws://127.0.0.1:{port}", speech)
        async with company(neighbours, sessions):
            before = await stretch(neighbours, pid, seconds)
            for name in names:
                bad = misbehaving(name, port, speech)
                await loop.run_in_executor(None, bad.__enter__)
                try:
                    beside = await stretch(neighbours, pid, seconds)
                finally:
                    await loop.run_in_executor(None, bad.__exit__, None, None, None)
                after = await stretch(neighbours, pid, seconds)
                yield name, before, beside, after
                before = after


_COLUMNS = (
    ("result p50", "latencies_ms", 0.5),
    ("result p95", "latencies_ms", 0.95),
    ("ping p50", "round_trips_ms", 0.5),
    ("ping p95", "round_trips_ms", 0.95),
)


async def tabulate(names: list[str], sessions: int, seconds: float, speech: bytes) -> Table:
    """Return a line a kind: each figure beside it, and its ratio to the quiet stretches."""
    table = Table(title=f"{sessions} neighbours, {seconds:g} s a stretch; ms, and times as much")
    for column in ("company", *(title for title, _, _ in _COLUMNS), "server CPU", "errors"):
        table.add_column(column, justify="left" if column == "company" else "right")
    async for name, before, beside, after in measure(names, sessions, seconds, speech):
        cells = []
        for _, which, q in _COLUMNS:
            quiet = (before.quantile_ms(which, q) + after.quantile_ms(which, q)) / 2
            value = beside.quantile_ms(which, q)
            cells.append(f"{value:.1f} ({value / quiet:.2f})")
        quiet_share = (before.cpu_share + after.cpu_share) / 2
        share = f"{beside.cpu_share:.0%} (+{beside.cpu_share - quiet_share:.0%})"
        table.add_row(name, *cells, share, str(beside.errors))
    return table


@click.command()
@click.option("--sessions", default=40, show_default=True, help="Good neighbours.")
@click.option("--seconds", default=15.0, show_default=True, help="Length of each stretch.")
@click.option("--only", multiple=True, type=click.Choice(list(BAD)), help="Repeatable. [all]")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def neighbours(file: str, sessions: int, seconds: float, only: tuple[str, ...]) -> None:
    """Say what a bad session costs its neighbours, who speak FILE (16 kHz, one channel)."""
    names = list(only or BAD)
    try:
        raise_file_limit(_FILES)
    except TooFewFiles as error:
        click.echo(f"5,000 idle sessions are left out: {error}", err=True)
        names = [name for name in names if name != "5,000 idle"]
    samples, rate_hz = soundfile.read(file, dtype="int16")
    if rate_hz != 16_000 or samples.ndim != 1:
        raise click.UsageError(f"{file} must be of one channel at 16 kHz")
    with contextlib.suppress(KeyboardInterrupt):
        table = asyncio.run(tabulate(names, sessions, seconds, samples.tobytes()))
        Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    neighbours()
