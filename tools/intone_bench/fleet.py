"""The generator's processes: started together, told to begin together."""

from __future__ import annotations

import multiprocessing
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from intone_bench.dialling import Address
from intone_bench.generator import GREETING_S, Generated, Plan, Ready, Start, generate
from intone_bench.lines import Log
from intone_bench.tracks import Track

_OPENING_S = 300.0
"""Thousands of upgrades, one after the other, on a busy machine; then the greetings."""
_STARTS_IN_S = 0.5
"""Everyone hears of the start before it."""


_Said = TypeVar("_Said", Ready, Generated)


class GeneratorFailed(Exception):
    """A generator's process ended by itself; its traceback is on standard error."""


@dataclass(frozen=True, slots=True)
class Opened:
    """All sessions are open, and nothing was sent yet."""

    sessions: int
    refusals: list[str]
    max_rate: float


@dataclass(frozen=True, slots=True)
class Run:
    """What all generators say."""

    logs: list[Log]
    late_s: array[float]
    cpu_share: float
    """Of the busiest generator's core."""


class Fleet:
    """Sessions that are open, in one or more processes."""

    def __init__(self, pipes: Sequence[Connection], sessions: int) -> None:
        self._pipes = pipes
        ready = [_hear(pipe, Ready, _OPENING_S + GREETING_S) for pipe in pipes]
        refusals = [refusal for one in ready for refusal in one.refusals]
        rates = [one.max_rate for one in ready]
        self.opened = Opened(sessions - len(refusals), refusals, min(rates))

    def start(self, speed: float) -> float:
        """Begin to speak soon; return when (``time.monotonic``)."""
        at_s = time.monotonic() + _STARTS_IN_S
        for pipe in self._pipes:
            pipe.send(Start(at_s, speed))
        return at_s

    def result(self, within_s: float) -> Run:
        """Wait for the end of all sessions; raise :class:`GeneratorFailed`."""
        done = [_hear(pipe, Generated, within_s) for pipe in self._pipes]
        late_s = array("d")
        for one in done:
            late_s.extend(one.late_s)
        logs = [log for one in done for log in one.logs]
        return Run(logs, late_s, max(one.cpu_share for one in done))


@contextmanager
def fleet(
    address: Address,
    tracks: tuple[Track, ...],
    track_of: Sequence[int],
    *,
    stagger_s: float,
    cores: frozenset[int] | None,
    processes: int = 1,
) -> Iterator[Fleet]:
    """Open a session for each of ``track_of``, spread over ``processes``.

    Raises :class:`GeneratorFailed`.
    """
    # A fork would bring along this process's threads' locks, and none of the threads.
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    workers: list[BaseProcess] = []
    try:
        for number in range(min(processes, len(track_of))):
            mine, theirs = context.Pipe()
            share = tuple(track_of[number::processes])
            plan = Plan(address, tracks, share, stagger_s, cores)
            worker: BaseProcess = context.Process(target=generate, args=(plan, theirs), daemon=True)
            worker.start()
            theirs.close()
            pipes.append(mine)
            workers.append(worker)
        yield Fleet(pipes, len(track_of))
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
        for pipe in pipes:
            pipe.close()


def _hear(pipe: Connection, kind: type[_Said], within_s: float) -> _Said:
    try:
        if not pipe.poll(within_s):
            raise GeneratorFailed(f"a generator said nothing for {within_s:g} s")
        message = pipe.recv()
    except EOFError:
        raise GeneratorFailed("a generator's process ended") from None
    assert isinstance(message, kind)
    return message
