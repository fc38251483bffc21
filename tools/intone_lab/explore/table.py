"""The table of descriptors: a row a clip, as CSV and Parquet."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track

from intone_lab.catalogue import CorpusError
from intone_lab.corpora import Clip, Skipped, read_audio
from intone_lab.explore.acoustics import RATE_HZ, FrameSettings, at_rate
from intone_lab.explore.descriptors import Indescribable, describe
from intone_lab.processes import fresh_processes

CLIPS_A_TASK = 8
"""A second of work: few enough that progress shows and the last worker is not waited for."""

Row = dict[str, str | float | None]
MapFunction = Callable[..., Iterator[Row | Skipped]]


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """Every clip asked for, either in the table or among those that could not be described."""

    table: pd.DataFrame
    """A row a clip, in the order of the clips; the index counts from 0."""
    clips: tuple[Clip, ...]
    """The clips of the table's rows."""
    skipped: tuple[Skipped, ...]
    settings: FrameSettings


def draw_evenly(clips: Sequence[Clip], limit: int, seed: int) -> list[Clip]:
    """At most ``limit`` clips of each corpus, its emotions in turn until they run out.

    The draw of one corpus depends on its own clips and the seed alone. Order is kept.
    """
    groups: dict[str, dict[str, list[Clip]]] = {}
    for clip in clips:
        groups.setdefault(clip.corpus, {}).setdefault(clip.emotion or "", []).append(clip)
    chosen: set[Clip] = set()
    for corpus, by_emotion in groups.items():
        for emotion, group in by_emotion.items():
            random.Random(f"{seed} {corpus} {emotion}").shuffle(group)
        turns = chain.from_iterable(zip_longest(*by_emotion.values()))
        chosen.update(islice((clip for clip in turns if clip is not None), limit))
    return [clip for clip in clips if clip in chosen]


def describe_clips(clips: Sequence[Clip], settings: FrameSettings, jobs: int) -> Described:
    """Read and describe every clip, in ``jobs`` processes, with a progress bar.

    A clip that cannot be read or described is skipped with its reason; nothing else is caught.
    """
    with _mapping(jobs, settings) as mapping:
        work = mapping(_row, clips, [settings] * len(clips))
        rows = list(track(work, "describing the clips", total=len(clips)))
    pairs = list(zip(clips, rows, strict=True))
    return Described(
        table=pd.DataFrame([row for row in rows if isinstance(row, dict)]),
        clips=tuple(clip for clip, row in pairs if isinstance(row, dict)),
        skipped=tuple(row for row in rows if isinstance(row, Skipped)),
        settings=settings,
    )


def write_table(folder: Path, table: pd.DataFrame) -> None:
    """Write ``descriptors.csv`` and ``descriptors.parquet``; the same table, the same bytes.

    Six digits in the CSV: more would be the noise of the machine's own arithmetic.
    """
    table.to_csv(
        folder / "descriptors.csv",
        index=False,
        float_format="%.6g",
        lineterminator="\n",
        encoding="utf-8",
    )
    table.to_parquet(folder / "descriptors.parquet", engine="pyarrow", index=False)


@contextmanager
def _mapping(jobs: int, settings: FrameSettings) -> Iterator[MapFunction]:
    """``map`` over ``jobs`` processes; for one job this process does it, without a start."""
    if jobs == 1:
        yield map
        return
    _compile(settings)
    with fresh_processes(jobs) as pool:
        yield partial(pool.map, chunksize=CLIPS_A_TASK)


def _compile(settings: FrameSettings) -> None:
    """Have numba compile librosa's loops once, here, onto the disk.

    Processes that all find nothing there write to its cache at once, and then die of what
    they read from it.
    """
    seconds = np.arange(RATE_HZ) / RATE_HZ
    describe(np.sin(2 * np.pi * 220 * seconds).astype(np.float32), settings)


def _row(clip: Clip, settings: FrameSettings) -> Row | Skipped:
    try:
        samples, rate_hz = read_audio(clip.path)
        described = describe(at_rate(samples, rate_hz), settings)
    except (CorpusError, Indescribable) as error:
        return Skipped(clip.path, str(error).removeprefix(f"{clip.path} "))
    return {
        "corpus": clip.corpus,
        "speaker": clip.speaker,
        "gender": clip.gender,
        "emotion": clip.emotion,
        "sentence": clip.sentence,
        "name": clip.name,
        "rate_hz": rate_hz,
        "duration_s": len(samples) / rate_hz,
        **described,
    }
