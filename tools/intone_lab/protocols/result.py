"""``result.json``: every figure of a protocol's run, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from intone_lab.protocols.figures import Figures, figures
from intone_lab.protocols.outcome import Outcome
from intone_lab.protocols.running import Plan
from intone_lab.whole_files import write_whole

RESULT_FILE = "result.json"


@dataclass(frozen=True, slots=True)
class Result:
    """What a report and the table of all protocols are made of."""

    protocol: str
    is_trial: bool
    """Run for other epochs than the protocol's, or without its teacher: no figure of it."""
    settings: dict[str, Any]
    clips: dict[str, int]
    """By corpus."""
    figures: tuple[Figures, ...]
    weights: dict[str, int]
    """By architecture."""
    file_bytes: dict[str, int]
    """Of the int8 files, by architecture."""
    epoch_s: dict[str, float]
    """Longest epoch by the clock, by architecture, on one thread of the machine it ran on."""


def summarise(plan: Plan, outcomes: list[Outcome]) -> Result:
    """Gather the outcomes of every network and division of ``plan``."""
    return Result(
        protocol=plan.protocol.name,
        is_trial=plan.is_trial,
        settings=plan.protocol.settings(plan.seed),
        clips={
            corpus: sum(clip.corpus == corpus for clip in plan.clips)
            for corpus in plan.protocol.corpora
        },
        figures=tuple(figures(plan.protocol, outcomes)),
        weights={o.architecture: o.weights for o in outcomes},
        file_bytes={o.architecture: o.file_bytes for o in outcomes},
        epoch_s={
            name: max(o.epoch_s for o in outcomes if o.architecture == name)
            for name in plan.protocol.architectures
        },
    )


def write_result(folder: Path, result: Result) -> None:
    """Write ``result.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(result), indent=1)
    write_whole(folder / RESULT_FILE, encoded + b"\n")


def read_result(path: Path) -> Result:
    """Read it back. Raises :class:`msgspec.ValidationError`."""
    return msgspec.json.decode(path.read_bytes(), type=Result)
