"""One run: so many sessions for so long, and what they and the server's counters say."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from intone import resources
from intone.errors import IntoneError
from intone.models import load_model
from intone_bench.dialling import Address
from intone_bench.fleet import Fleet, Opened, Run, fleet
from intone_bench.hearing import UtteranceEvent, Window, events_of, hear
from intone_bench.lines import Log, greeting
from intone_bench.load_report import LoadReport, Told
from intone_bench.matching import match
from intone_bench.quantiles import percentiles_ms, quantiles
from intone_bench.scrape import scrape
from intone_bench.server_cost import Moment, Seen
from intone_bench.serving import Cores, NotServing, intone_serve, serving
from intone_bench.tracks import Track
from intone_bench.usage import Usage, family, usage

_SAMPLE_S = 0.5
"""Between two looks at the server's memory: a look costs it nothing that could be measured."""
_SLACK_S = 60.0
"""Beyond the length of a run: a server over its limit drains late, a busy machine slower."""
SHARE_OF_ALLOWED = 0.95
"""As fast as the server allows, a little under, so that a burst is not refused."""
_MOST_WORKERS = 16
"""Among which the kernel may deal all sessions to one."""
_ALONE_RATE = 60.0
"""Audio seconds a second, for a server that nobody else asks: far under what one core can do."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to run."""

    sessions: int
    tracks: tuple[Track, ...]
    stagger_s: float
    """The sessions begin to speak spread over this time; it is not measured."""
    speed: float = 1.0
    """Audio seconds a second; 0 is as fast as the server allows."""
    processes: int = 1
    cores: Cores = field(default_factory=lambda: Cores(None, None))
    address: Address | None = None
    """Of a server that runs; None starts one."""
    server_flags: tuple[str, ...] = ()


Alone = Sequence[Sequence[UtteranceEvent]]
"""What each track is told with nobody else there."""


def run_load(plan: LoadPlan, alone: Alone | None = None) -> LoadReport:
    """Run ``plan``; compare what every session was told with its track ``alone``, if given.

    Raises :class:`NotServing`, :class:`intone_bench.fleet.GeneratorFailed` and :class:`OSError`.
    """
    with _server(plan) as (address, pid):
        _warm_up(plan, address)
        return _Load(plan, address, pid).run(alone)


def hear_alone(plan: LoadPlan) -> Alone:
    """Let a server hear each track with nobody else there; a fresh one, where it is ours.

    Raises as :func:`run_load` does.
    """
    # Nothing of this is timed, so that it need not keep to the rate of live audio.
    with _server(plan, "--set", f"limits.max_rate={_ALONE_RATE:g}") as (address, _):
        return [events_of(_one(plan, address, index)) for index in range(len(plan.tracks))]


@contextmanager
def _server(plan: LoadPlan, *flags: str) -> Iterator[tuple[Address, int | None]]:
    if plan.address is not None:
        yield plan.address, None
        return
    # The limit on sessions, which workers share equally, is not what is to be found.
    room = (plan.sessions + 10) * _MOST_WORKERS
    flags = ("--set", f"limits.max_sessions={room}", *plan.server_flags, *flags)
    with serving(plan.cores.server, intone_serve(*flags)) as server:
        yield server.address, server.pid


def _one(plan: LoadPlan, address: Address, index: int) -> Log:
    tracks = (plan.tracks[index],)
    with fleet(address, tracks, [0], stagger_s=0.0, cores=plan.cores.generator) as lone:
        if lone.opened.refusals:
            raise NotServing(f"the server lets nobody in: {lone.opened.refusals[0]}")
        speed = lone.opened.max_rate * SHARE_OF_ALLOWED
        lone.start(speed)
        return lone.result(tracks[0].duration_s / speed + _SLACK_S).logs[0]


def _warm_up(plan: LoadPlan, address: Address) -> None:
    """Let one session go first: what a server allocates once is no session's."""
    _one(plan, address, 0)


@dataclass(slots=True)
class _Load:
    plan: LoadPlan
    address: Address
    pid: int | None

    def run(self, alone: Alone | None) -> LoadReport:
        plan = self.plan
        before = self._usage()
        track_of = [index % len(plan.tracks) for index in range(plan.sessions)]
        with fleet(
            self.address,
            plan.tracks,
            track_of,
            stagger_s=plan.stagger_s,
            cores=plan.cores.generator,
            processes=plan.processes,
        ) as open_fleet:
            idle = self._usage()
            opened = open_fleet.opened
            speed = plan.speed or opened.max_rate * SHARE_OF_ALLOWED
            seconds = _Seconds.of(plan, open_fleet, speed)
            at_start, at_end, most_bytes = self._watch(seconds)
            run = open_fleet.result(seconds.stagger_s + _SLACK_S)
        seen = Seen(before, idle, most_bytes, at_start, at_end)
        return self._report(opened, run, seconds, seen, alone)

    def _watch(self, seconds: _Seconds) -> tuple[Moment, Moment, int]:
        _sleep_until(seconds.window.start_s)
        # The scrape's own cost stays outside of the window.
        counters = scrape(self.address)
        at_start = Moment(time.monotonic(), self._usage(), counters)
        most_bytes = 0
        while (left_s := seconds.window.end_s - time.monotonic()) > 0:
            time.sleep(min(_SAMPLE_S, left_s))
            now = self._usage()
            most_bytes = max(most_bytes, now.resident_bytes if now else 0)
        now = self._usage()
        most_bytes = max(most_bytes, now.resident_bytes if now else 0)
        return at_start, Moment(time.monotonic(), now, scrape(self.address)), most_bytes

    def _report(
        self,
        opened: Opened,
        run: Run,
        seconds: _Seconds,
        seen: Seen,
        alone: Alone | None,
    ) -> LoadReport:
        created = greeting(run.logs)
        tracks, model = self.plan.tracks, created.model.name if created else ""
        heard = hear(run.logs, tracks, seconds.window, _reach_samples(model), seconds.speed)
        return LoadReport(
            sessions=opened.sessions,
            asked_sessions=self.plan.sessions,
            refusals=dict(Counter(opened.refusals)),
            format=tracks[0].format.value,
            speed=seconds.speed,
            window_s=seconds.window_s,
            model=model,
            told=Told.of(heard),
            result=quantiles(heard.result_s),
            result_percentiles_ms=percentiles_ms(heard.result_s),
            hangover=quantiles(heard.hangover_s),
            total=quantiles(heard.total_s),
            server_latency=quantiles(heard.server_s),
            interim=quantiles(heard.interim_s),
            generator_late=quantiles(run.late_s),
            generator_core_share=run.cpu_share,
            cores=str(self.plan.cores) if self.pid else "the server was not started here",
            interims_dropped=int(seen.counted["intone_interims_dropped_total"]),
            server=seen.cost(opened.sessions),
            batches=seen.counted.batches,
            match=None if alone is None else match(run.logs, alone),
        )

    def _usage(self) -> Usage | None:
        return None if self.pid is None else usage(family(self.pid))


@dataclass(frozen=True, slots=True)
class _Seconds:
    """When what happens, by the wall clock."""

    window: Window
    stagger_s: float
    speed: float

    @property
    def window_s(self) -> float:
        return self.window.end_s - self.window.start_s

    @classmethod
    def of(cls, plan: LoadPlan, open_fleet: Fleet, speed: float) -> _Seconds:
        start_s = open_fleet.start(speed)
        stagger_s = plan.stagger_s / speed
        window = Window(start_s + stagger_s, start_s + plan.tracks[0].duration_s / speed)
        return cls(window, stagger_s, speed)


def _sleep_until(at_s: float) -> None:
    time.sleep(max(0.0, at_s - time.monotonic()))


def _reach_samples(model: str) -> int:
    """How far a block's window reaches beyond its advance; 0 for a model not known here."""
    try:
        shape = load_model(resources.models_dir() / model).card.shape
    except IntoneError:
        return 0
    # One sample of the window lies before the block.
    return shape.window - 1 - shape.advance
