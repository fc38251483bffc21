"""The generator's process: opens its sessions, and sends each message when it is due.

Light on purpose: it shares a machine with the server that it measures. One thread, bare
sockets, frames made ahead of time; what comes back is read when the run is over.
"""

from __future__ import annotations

import os
import select
import time
from array import array
from dataclasses import dataclass
from multiprocessing.connection import Connection

from intone_bench.dialling import Address, Refused, dial
from intone_bench.lines import Line, Log, frames_of, greeting
from intone_bench.open_files import raise_file_limit
from intone_bench.tracks import Track
from intone_bench.wheel import first_turns, make_wheel
from intone_lab.processes import leave_end_to_parent

GREETING_S = 30.0
"""How long all sessions together may wait for their ``session.created``."""

ENDING_S = 15.0
"""A server's own limit for the last answers of a session is 10 s."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one generator does."""

    address: Address
    tracks: tuple[Track, ...]
    track_of: tuple[int, ...]
    """The track of each session."""
    stagger_s: float
    """The sessions begin to speak spread over this time."""
    cores: frozenset[int] | None
    """Where it may run; None leaves it free."""


@dataclass(frozen=True, slots=True)
class Ready:
    """All sessions that the server took are open."""

    refusals: list[str]
    """Why others are not."""
    max_rate: float
    """What the server allows: audio seconds a second, sustained."""


@dataclass(frozen=True, slots=True)
class Start:
    """When the first message is due (``time.monotonic``), and how fast time runs."""

    at_s: float
    speed: float


@dataclass(frozen=True, slots=True)
class Generated:
    """What happened."""

    logs: list[Log]
    late_s: array[float]
    """How late each turn of a slot began: the generator's own fault, not the server's."""
    cpu_share: float
    """Of a core, while it sent."""


def generate(plan: Plan, pipe: Connection) -> None:
    """Run in a process of its own: say :class:`Ready`, hear :class:`Start`, say what happened."""
    leave_end_to_parent()
    if plan.cores is not None:
        os.sched_setaffinity(0, plan.cores)
    raise_file_limit()
    generator = _Generator(plan)
    pipe.send(generator.open())
    start: Start = pipe.recv()
    pipe.send(generator.run(start))
    pipe.close()


class _Generator:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._all: list[Line] = []
        self._writing: set[int] = set()

    # --- opening -----------------------------------------------------------------------

    def open(self) -> Ready:
        frames = [frames_of(track) for track in self._plan.tracks]
        refusals = []
        for index in self._plan.track_of:
            try:
                connection, rest = dial(self._plan.address, self._plan.tracks[index].format.audio)
            except (Refused, OSError) as error:
                refusals.append(str(error))
                continue
            self._add(Line(connection, frames[index], index, 0), rest)
        until_s = time.monotonic() + GREETING_S
        while time.monotonic() < until_s and not all(
            line.is_greeted or line.is_over for line in self._all
        ):
            self._listen(time.monotonic() + 0.1)
        created = greeting(self._all)
        return Ready(refusals, created.limits.max_rate if created else 1.0)

    def _add(self, line: Line, rest: bytes) -> None:
        self._all.append(line)
        self._lines[line.fileno] = line
        self._epoll.register(line.fileno, select.EPOLLIN)
        line.take(rest)

    # --- sending -----------------------------------------------------------------------

    def run(self, start: Start) -> Generated:
        message_s = self._plan.tracks[0].format.message_ms / 1_000 / start.speed
        turns = round(self._plan.stagger_s / start.speed / message_s)
        for line, wait in zip(self._all, first_turns(len(self._all), turns), strict=True):
            line.cursor = -wait
        wheel = make_wheel(self._all, message_s)
        longest = max((len(line.frames) for line in self._all), default=0)
        late_s = array("d")
        # One turn more than there are messages: the one that asks to close.
        ticks = (turns + longest + 1) * len(wheel.slots)
        cpu_s, begun_s = time.process_time(), time.monotonic()
        for tick in range(ticks):
            # A message is sent once its audio has been spoken, hence the period.
            due_s = start.at_s + wheel.period_s + wheel.due_s(tick)
            self._listen(due_s)
            late_s.append(time.monotonic() - due_s)
            for line in wheel.at(tick):
                line.send_next()
                if line.unsent:
                    self._watch(line)
        busy = (time.process_time() - cpu_s) / max(time.monotonic() - begun_s, 1e-9)
        self._end()
        return Generated([line.log() for line in self._all], late_s, busy)

    def _end(self) -> None:
        until_s = time.monotonic() + ENDING_S
        while self._lines and time.monotonic() < until_s:
            self._listen(time.monotonic() + 0.05)
        for line in self._lines.values():
            line.fault = line.fault or f"not closed by the server within {ENDING_S:g} s"
            line.connection.close()
        self._epoll.close()

    # --- waiting -----------------------------------------------------------------------

    def _listen(self, until_s: float) -> None:
        """Read what comes until then; at least once, so that nobody waits for a late sender."""
        while True:
            # epoll itself waits in whole milliseconds, a whole slot; select in microseconds.
            left_s = until_s - time.monotonic()
            if left_s > 0:
                select.select([self._epoll.fileno()], [], [], left_s)
            for number, events in self._epoll.poll(0):
                self._serve(self._lines[number], events)
            if time.monotonic() >= until_s:
                return

    def _serve(self, line: Line, events: int) -> None:
        if events & select.EPOLLOUT:
            line.flush()
        if events & ~select.EPOLLOUT:
            line.receive()
        self._watch(line)

    def _watch(self, line: Line) -> None:
        """Wait for room while something is unsent, and no more for a session that is over."""
        number = line.fileno
        if number not in self._lines:
            return
        if line.is_over:
            self._epoll.unregister(number)
            del self._lines[number]
            self._writing.discard(number)
            line.connection.close()
        elif bool(line.unsent) != (number in self._writing):
            self._writing.symmetric_difference_update({number})
            out = select.EPOLLOUT if line.unsent else 0
            self._epoll.modify(number, select.EPOLLIN | out)
