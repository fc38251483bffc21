"""``intone-bench neighbours``: what one bad session costs the good ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from intone_bench.bad_sessions import BAD, FILES, IDLE_NAME
from intone_bench.cli.common import (
    FOLDER,
    console,
    make_folder,
    read_speech,
    speech_options,
    write_json,
)
from intone_bench.neighbours import Comparison, measure
from intone_bench.open_files import TooFewFiles, raise_file_limit
from intone_bench.serving import Cores, NotServing, part_cores
from intone_bench.tracks import Format, make_tracks

_COLUMNS = (
    ("result p50", "latencies_ms", 0.5),
    ("result p95", "latencies_ms", 0.95),
    ("ping p50", "round_trips_ms", 0.5),
    ("ping p95", "round_trips_ms", 0.95),
)
_TRACK_S = 60.0


@click.command()
@click.option(
    "--sessions", default=40, show_default=True, type=click.IntRange(min=1), help="Good neighbours."
)
@click.option(
    "--seconds",
    default=15.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Length of each stretch.",
)
@click.option("--only", multiple=True, type=click.Choice(list(BAD)), help="Repeatable. [all]")
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Keep the server on a core of its own, where there are two.",
)
@speech_options
@click.option(
    "--out",
    default=Path("bench"),
    show_default=True,
    type=FOLDER,
    help="Folder for neighbours.json.",
)
def neighbours(
    sessions: int,
    seconds: float,
    only: tuple[str, ...],
    pin: bool,
    folder: Path | None,
    most_clips: int,
    seed: int,
    out: Path,
) -> None:
    """Say what a bad session costs its neighbours, who speak live.

    Each kind is heard beside between two quiet stretches; figures in brackets are the ratio to
    their mean.
    """
    make_folder(out)
    names = _allowed(only or tuple(BAD))
    clips = read_speech(folder, most_clips, seed)
    (track,) = make_tracks(
        clips, Format.WIDE, count=1, duration_s=_TRACK_S, speech_share=0.5, seed=seed
    )
    cores = part_cores() if pin else Cores(None, None)
    shown = console()
    shown.print(str(cores))
    try:
        found = asyncio.run(_measure(names, sessions, seconds, b"".join(track.messages), cores))
    except NotServing as error:
        raise click.ClickException(str(error)) from error
    shown.print(_table(found, sessions, seconds))
    write_json(out / "neighbours.json", found)


def _allowed(names: Sequence[str]) -> Sequence[str]:
    try:
        raise_file_limit(FILES)
    except TooFewFiles as error:
        click.echo(f"{IDLE_NAME} sessions are left out: {error}", err=True)
        return [name for name in names if name != IDLE_NAME]
    return names


async def _measure(
    names: Sequence[str], sessions: int, seconds: float, speech: bytes, cores: Cores
) -> list[Comparison]:
    found = []
    async for comparison in measure(names, sessions, seconds, speech, cores):
        click.echo(f"{comparison.name}: heard", err=True)
        found.append(comparison)
    return found


def _table(found: Sequence[Comparison], sessions: int, seconds: float) -> Table:
    table = Table(title=f"{sessions} neighbours, {seconds:g} s a stretch; ms, and times as much")
    for column in ("company", *(title for title, _, _ in _COLUMNS), "server CPU", "errors"):
        table.add_column(column, justify="left" if column == "company" else "right")
    for one in found:
        cells = [
            f"{one.beside.quantile_ms(which, q):.1f} ({one.ratio(which, q):.2f})"
            for _, which, q in _COLUMNS
        ]
        share = f"{one.beside.cpu_share:.0%} ({one.further_cpu_share:+.0%})"
        table.add_row(one.name, *cells, share, str(one.beside.errors))
    return table
