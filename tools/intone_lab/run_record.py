"""What a training run leaves behind for those who measure it later: its splits, its exports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from intone_lab.corpora import Clip
from intone_lab.folds import Split
from intone_lab.whole_files import write_whole

RECORD_FILE = "splits.json"
FINAL = "final"
"""The split that holds nobody out, what ships; tested on corpora that are not trained on."""


class Weights(str, Enum):
    """How an export's weights are kept."""

    INT8 = "int8"
    FLOAT32 = "float32"


@dataclass(frozen=True, slots=True)
class Run:
    """One complete run: every split's exports lie in ``folder`` as ``fold1.int8.tflite``."""

    folder: Path
    splits: tuple[Split, ...]
    missing: int = 0
    """Clips of the run that are not among those it was found with."""
    recorded_speakers: frozenset[str] = frozenset()
    """Whom the final model was trained on, as it was written down."""
    lost_corpora: frozenset[str] = frozenset()
    """Corpora that it was trained on, of which not all clips were found."""

    @property
    def trained_speakers(self) -> frozenset[str]:
        """Whom the final model was trained on, whether their clips were found or not."""
        return self.recorded_speakers.union(clip.speaker for clip in self.split(FINAL).train)

    def split(self, name: str) -> Split:
        """Return the split of this name."""
        return next(split for split in self.splits if split.name == name)

    def export(self, split: str, weights: Weights) -> bytes:
        """Return a split's model file."""
        return self.export_path(split, weights).read_bytes()

    def export_path(self, split: str, weights: Weights) -> Path:
        """Return where a split's model file lies."""
        return export_path(self.folder, split, weights)


def record(run: Run) -> None:
    """Write which clips stand on which side into the run's folder, by their keys."""
    sides = {
        split.name: {
            "train": [clip.key for clip in split.train],
            "test": [clip.key for clip in split.test],
        }
        for split in run.splits
    }
    stored = {
        "splits": sides,
        "speakers": sorted(run.trained_speakers),
    }
    content = json.dumps(stored)
    write_whole(run.folder / RECORD_FILE, content.encode())


def find_run(runs: Path, sha256: str, clips: Sequence[Clip]) -> Run | None:
    """Return the run whose final int8 export has this hash, with ``clips`` on its sides.

    None if there is none, or if it was made before splits were recorded: who stood on which
    side is never guessed.
    """
    for path in sorted(runs.glob(f"*/{RECORD_FILE}")):
        final = export_path(path.parent, FINAL, Weights.INT8)
        if final.exists() and hashlib.sha256(final.read_bytes()).hexdigest() == sha256:
            return _load(path, clips)
    return None


def export_path(folder: Path, split: str, weights: Weights) -> Path:
    """Return where a run's ``folder`` keeps a split's model file."""
    return folder / f"{split}.{weights.value}.tflite"


def _load(path: Path, clips: Iterable[Clip]) -> Run:
    by_key = {clip.key: clip for clip in clips}
    stored = json.loads(path.read_text(encoding="utf-8"))
    every = {key for sides in stored["splits"].values() for side in sides.values() for key in side}
    splits = [
        Split(name, _known(sides["train"], by_key), _known(sides["test"], by_key))
        for name, sides in stored["splits"].items()
    ]
    final = set(stored["splits"][FINAL]["train"])
    return Run(
        path.parent,
        tuple(splits),
        len(every - by_key.keys()),
        # Runs were once kept without.
        frozenset(stored.get("speakers", ())),
        frozenset(key.partition("/")[0] for key in final - by_key.keys()),
    )


def _known(keys: Iterable[str], by_key: dict[str, Clip]) -> tuple[Clip, ...]:
    return tuple(by_key[key] for key in keys if key in by_key)
