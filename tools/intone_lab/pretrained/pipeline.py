"""From a corpora folder to the pretrained model's exports, those of every split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from intone_lab import spent
from intone_lab.catalogue import CorpusError
from intone_lab.company import crowds
from intone_lab.corpora import Clip
from intone_lab.folds import Split
from intone_lab.heads.regression import Heads
from intone_lab.heads.rows import Row, fit_heads, kind_of
from intone_lab.pipeline import Trained, begin, folds, splits, trained_on
from intone_lab.pretrained.files import with_heads
from intone_lab.pretrained.hearing import HeardCopy, hear_all
from intone_lab.pretrained.settings import HEARD, PRETRAINED, HeadSettings
from intone_lab.run_record import Weights, export_path
from intone_lab.targets import tells_gender
from intone_lab.whole_files import write_whole

_COPIES = {copy.name: copy for copy in HEARD}


def train_all(clips: Sequence[Clip], runs: Path, settings: HeadSettings) -> list[Trained]:
    """Fit the heads of every split that is not there yet, and export them all.

    Raises :class:`intone_lab.teacher.source.TeacherError` where the networks cannot be fetched,
    :class:`CorpusError` if a split would be trained on silence.
    """
    folder, cache = begin(runs, clips, settings), runs / "heard"
    every_split = splits(clips, settings, PRETRAINED.emotions)
    todo = [split for split in every_split if not _is_there(folder, split)]
    behind = crowds(folds(clips, settings, PRETRAINED.emotions))
    heard = hear_all(clips, HEARD, behind, cache) if todo else []
    for split in track(todo, "fitting the heads"):
        started = time.monotonic()
        heads = _fit(trained_on(heard, split), settings, split.name)
        spent.keep(folder, split.name, time.monotonic() - started)
        for weights in Weights:
            content = with_heads(heads, weights, cache)
            write_whole(export_path(folder, split.name, weights), content)
    return [
        Trained(
            split,
            export_path(folder, split.name, Weights.INT8).read_bytes(),
            spent.kept(folder, split.name),
        )
        for split in every_split
    ]


def _is_there(folder: Path, split: Split) -> bool:
    return all(export_path(folder, split.name, weights).exists() for weights in Weights)


def _fit(heard: Sequence[HeardCopy], settings: HeadSettings, name: str) -> Heads:
    if not heard:
        raise CorpusError(f"no speech was heard in any clip that {name} is trained on")
    rows = [row_of(one, settings) for one in heard]
    return fit_heads(rows, PRETRAINED.emotions, settings.fit)


def row_of(one: HeardCopy, settings: HeadSettings) -> Row:
    """Return what the heads are fitted to."""
    copy = _COPIES[one.copy]
    # Whose pitch was moved for itself sounds like nobody's gender.
    is_own = not copy.other_voice
    return Row(
        one.clip,
        kind_of(copy),
        one.statistics,
        settings.copies.get(one.copy, 1.0),
        is_own and tells_gender(one.clip, copy.speed - 1.0, settings.gender_from, 0.0),
    )
