"""``intone-bench compare``: the same audio through intone and through other pipelines."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from intone_bench.cli.common import (
    FOLDER,
    console,
    make_folder,
    read_speech,
    speech_options,
    write_json,
)
from intone_bench.compare import KEYS, ComparePlan, compare
from intone_bench.compare_table import compare_table
from intone_bench.load_report import LoadReport
from intone_bench.machine import Machine, this_machine
from intone_bench.open_files import raise_file_limit
from intone_bench.peers.rows import Row
from intone_bench.serving import part_cores
from intone_bench.tracks import Format, Track, make_tracks

_STAGGER_S = 5.0
_SPEECH_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options, as they are described below."""

    sessions: int
    seconds: float
    track_count: int
    folder: Path | None
    most_clips: int
    seed: int
    tflite_python: Path | None
    only: tuple[str, ...]
    out: Path


@dataclass(frozen=True, slots=True)
class _Written:
    """``compare.json``."""

    machine: Machine
    speech: str
    cores: str
    rows: Sequence[Row]
    loads: Sequence[LoadReport]


@click.command("compare")
@click.option(
    "--sessions",
    default=200,
    show_default=True,
    type=click.IntRange(min=1),
    help="Live speakers while intone's cost is taken: it falls as batches fill.",
)
@click.option(
    "--seconds",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Audio a speaker.",
)
@click.option(
    "--tracks",
    "track_count",
    default=16,
    show_default=True,
    type=click.IntRange(min=1),
    help="Different speakers.",
)
@speech_options
@click.option(
    "--tflite-python",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Python that has tflite-runtime, and intone's dependencies, for its rows.",
)
@click.option("--only", multiple=True, type=click.Choice(KEYS), help="Only these; repeatable.")
@click.option(
    "--out",
    default="bench",
    show_default=True,
    type=FOLDER,
    help="Where compare.json goes.",
)
def compare_command(**options: Any) -> None:
    """Put intone beside the bare floor and other pipelines: ratios on this machine, in one run.

    A pipeline that is not installed is a row that says so: pip install 'intone[bench]'.
    """
    wanted = _Wanted(**options)
    make_folder(wanted.out)
    shown = console()
    machine = this_machine()
    clips = read_speech(wanted.folder, wanted.most_clips, wanted.seed)
    cores = part_cores()
    shown.print(f"{machine}\n{cores}\nspeech: {clips.source}")
    raise_file_limit()

    def tracks(kind: Format) -> tuple[Track, ...]:
        return make_tracks(
            clips,
            kind,
            count=wanted.track_count,
            duration_s=_STAGGER_S + wanted.seconds,
            speech_share=_SPEECH_SHARE,
            seed=wanted.seed,
        )

    with tempfile.TemporaryDirectory(prefix="intone-bench-") as folder:
        plan = ComparePlan(
            tracks(Format.WIDE),
            tracks(Format.PHONE),
            _STAGGER_S,
            wanted.sessions,
            cores,
            Path(folder),
            wanted.tflite_python,
            frozenset(wanted.only),
        )
        made = compare(plan, lambda row: shown.print(_line(row), markup=False))
    shown.print(compare_table(made.rows))
    path = wanted.out / "compare.json"
    write_json(path, _Written(machine, clips.source, str(cores), made.rows, made.loads))
    shown.print(f"wrote {path}")


def _line(row: Row) -> str:
    found = f"{row.cost.cpu_ms_per_audio_s:.3g} ms per audio second" if row.cost else row.missing
    return f"{row.name}: {found}"
