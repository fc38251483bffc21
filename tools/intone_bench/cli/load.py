"""``intone-bench load``: so many people talk to a server at once."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from intone_bench.cli.common import (
    FOLDER,
    console,
    make_folder,
    read_speech,
    speech_options,
    write_json,
)
from intone_bench.dialling import Address
from intone_bench.fleet import GeneratorFailed
from intone_bench.limit import climb
from intone_bench.load import LoadPlan, hear_alone, run_load
from intone_bench.load_report import LoadReport
from intone_bench.load_table import climb_table, facts_table, latency_table
from intone_bench.machine import Machine, this_machine
from intone_bench.open_files import raise_file_limit
from intone_bench.serving import Cores, NotServing, part_cores
from intone_bench.speech import Clips
from intone_bench.tracks import Format, make_tracks

_POSITIVE = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True, slots=True)
class _Written:
    """``load.json``."""

    machine: Machine
    speech: str
    server_flags: Sequence[str]
    carried: int | None
    """The limit, where it was looked for."""
    runs: Sequence[LoadReport]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options, as they are described below."""

    sessions: int
    format_name: str
    seconds: float
    stagger_s: float
    speech_share: float
    track_count: int
    folder: Path | None
    most_clips: int
    seed: int
    speed: float
    processes: int
    url: str | None
    token: str
    serve_flags: str
    server_cores: int
    pin: bool
    check: bool
    find_limit: bool
    most: int
    out: Path


@click.command()
@click.option(
    "--sessions",
    default=100,
    show_default=True,
    type=click.IntRange(min=1),
    help="Speakers at once; with --find-limit, the first number to try.",
)
@click.option(
    "--format",
    "format_name",
    default=Format.WIDE.value,
    show_default=True,
    type=click.Choice([kind.value for kind in Format]),
    help="16 kHz in messages of 100 ms, or a telephone's 8 kHz in 20 ms.",
)
@click.option(
    "--seconds",
    default=20.0,
    show_default=True,
    type=_POSITIVE,
    help="Audio a session while all of them speak: what is measured.",
)
@click.option(
    "--stagger",
    "stagger_s",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Sessions begin spread over so many seconds.",
)
@click.option(
    "--speech-share",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0.05, 0.95),
    help="Of the time, speech; pauses are 0.8 s at least.",
)
@click.option(
    "--tracks",
    "track_count",
    default=16,
    show_default=True,
    type=click.IntRange(min=1),
    help="Different speakers; sessions share them.",
)
@speech_options
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Times real time; 0 is as fast as the server allows.",
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Generator processes.",
)
@click.option("--url", help="A server that runs, ws://HOST:PORT; its CPU and memory are not seen.")
@click.option(
    "--token",
    default="",
    envvar="INTONE_CLIENT_TOKEN",
    help="Bearer token; or INTONE_CLIENT_TOKEN.",
)
@click.option(
    "--serve-with",
    "serve_flags",
    default="",
    metavar="FLAGS",
    help="Further flags of the intone serve that is started, in one string.",
)
@click.option(
    "--server-cores",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Cores of the server; the generator takes the others.",
)
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Keep server and generator on different cores, where there are two.",
)
@click.option(
    "--check", is_flag=True, help="Compare every event with what the same audio alone is told."
)
@click.option("--find-limit", is_flag=True, help="Climb until the server does not carry it.")
@click.option(
    "--most",
    default=4_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="With --find-limit, the most sessions to try.",
)
@click.option(
    "--out",
    default="bench",
    show_default=True,
    type=FOLDER,
    help="Where load.json and load.png go.",
)
def load(**options: Any) -> int:
    """Let many people talk to a server at once, and measure how it answers.

    Starts a server on a core of its own unless --url names one that runs. The exit code is 1
    where the server did not carry the load: p99 of results over 100 ms, anything refused,
    discarded for want of time, or missing.
    """
    wanted = _Wanted(**options)
    make_folder(wanted.out)
    shown = console()
    machine = this_machine()
    clips = read_speech(wanted.folder, wanted.most_clips, wanted.seed)
    shown.print(f"{machine}\nspeech: {clips.source}")
    raise_file_limit()
    plan = _plan(wanted, clips)
    try:
        runs, carried = _run(plan, wanted, shown)
    except (NotServing, GeneratorFailed, OSError) as error:
        raise click.ClickException(str(error)) from error
    path = wanted.out / "load.json"
    write_json(path, _Written(machine, clips.source, plan.server_flags, carried, runs))
    _draw(runs, wanted.out / "load.png", shown)
    shown.print(f"wrote {path}")
    is_good = carried if wanted.find_limit else not any(runs[0].complaints())
    return 0 if is_good else 1


def _plan(wanted: _Wanted, clips: Clips) -> LoadPlan:
    tracks = make_tracks(
        clips,
        Format(wanted.format_name),
        count=min(wanted.track_count, wanted.most if wanted.find_limit else wanted.sessions),
        duration_s=wanted.stagger_s + wanted.seconds,
        speech_share=wanted.speech_share,
        seed=wanted.seed,
    )
    try:
        address = Address.of(wanted.url, wanted.token) if wanted.url else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from error
    try:
        flags = shlex.split(wanted.serve_flags)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--serve-with") from error
    return LoadPlan(
        wanted.sessions,
        tracks,
        wanted.stagger_s,
        wanted.speed,
        wanted.processes,
        part_cores(wanted.server_cores) if wanted.pin else Cores(None, None),
        address,
        tuple(flags),
    )


def _run(
    plan: LoadPlan, wanted: _Wanted, console: Console
) -> tuple[Sequence[LoadReport], int | None]:
    """Return the runs, and the limit if it was looked for."""
    alone = hear_alone(plan) if wanted.check else None
    if not wanted.find_limit:
        report = run_load(plan, alone)
        _show(report, console)
        return [report], None

    def run(sessions: int) -> LoadReport:
        report = run_load(replace(plan, sessions=sessions), alone)
        complaints = "; ".join(report.complaints()) or "carried"
        console.print(f"{sessions} sessions, p99 {report.result.p99_ms:.1f} ms: {complaints}")
        return report

    found = climb(run, wanted.sessions, wanted.most)
    console.print(climb_table(found.runs))
    for report in found.runs:
        if report.asked_sessions == found.carried:
            _show(report, console)
    console.print(f"limit: {found.carried} sessions; beyond, {found.stopped_by}")
    return found.runs, found.carried


def _show(report: LoadReport, console: Console) -> None:
    console.print(latency_table(report), facts_table(report))
    if report.is_generator_late:
        console.print(
            f"the generator was late (p99 {report.generator_late.p99_ms:.1f} ms): "
            "the latencies are not the server's alone"
        )
    for complaint in report.complaints():
        console.print(f"not carried: {complaint}", markup=False)
    for difference in report.match.differences if report.match else ():
        console.print(difference, markup=False)


def _draw(runs: Sequence[LoadReport], path: Path, console: Console) -> None:
    try:
        from intone_bench.picture import draw
    except ModuleNotFoundError as error:
        message = f"no picture: {error.name} is not installed (pip install 'intone[bench]')"
        console.print(message, markup=False)
        return
    draw(runs, path)
    console.print(f"wrote {path}")
