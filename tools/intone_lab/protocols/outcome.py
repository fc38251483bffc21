"""What came of one training run: every tested clip and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from intone_lab.protocols.protocol import SplitKind
from intone_lab.whole_files import write_whole


@dataclass(frozen=True, slots=True)
class Answer:
    """One tested take."""

    clip: str
    """:attr:`intone_lab.corpora.Clip.key`."""
    speed: float
    corpus: str
    speaker: str
    true: dict[str, str]
    """Label by task: ``emotion``, ``gender``."""
    said: dict[str, str]
    """By the exported int8 file."""
    said_by_keras: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One network on one division."""

    architecture: str
    division: str
    kind: SplitKind
    trained_clips: int
    answers: tuple[Answer, ...]
    weights: int
    """How many the network has."""
    file_bytes: int
    """Of the exported int8 file."""
    epoch_s: float
    """One epoch on one thread, by the clock."""


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write it whole or not at all."""
    write_whole(path, msgspec.json.encode(outcome))


def read_outcome(path: Path) -> Outcome:
    """Read what :func:`write_outcome` wrote. Raises :class:`msgspec.ValidationError`."""
    return msgspec.json.decode(path.read_bytes(), type=Outcome)
