"""The log of runs: one CSV row for each split that was trained and measured, never taken away."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from intone_lab import metrics
from intone_lab.evaluation import Head, Listened

LOG_FILE = "log.csv"


@dataclass(frozen=True, slots=True)
class Commit:
    """The code that made a run."""

    sha: str
    """Empty outside a git checkout."""
    is_dirty: bool
    """Whether tracked files differed from it."""


def log_run(
    runs: Path,
    settings: Mapping[str, object],
    split: str,
    listened: Listened,
    seconds: float,
) -> None:
    """Append a split's row to ``runs/log.csv``.

    ``settings`` are flat (``TrainSettings.as_row``), the seed among them; ``listened`` is what
    the int8 export said of the clips held out; ``seconds`` is what training took.
    """
    commit = current_commit(Path(__file__).parent)
    row: dict[str, object] = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit.sha,
        "dirty": int(commit.is_dirty),
        "split": split,
        "seconds": round(seconds, 1),
    }
    append(runs / LOG_FILE, row | _figures(listened) | dict(settings))


def append(path: Path, row: Mapping[str, object]) -> None:
    """Append ``row``; columns that the file does not have are added to its end.

    Safe for several processes at once: each waits for its turn. No row is ever taken away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        header, rows = _read(path)
        known = [*header, *(name for name in row if name not in header)]
        cells = [str(row.get(name, "")) for name in known]
        if known == header:
            with path.open("a", newline="", encoding="utf-8") as log:
                log.write(_lines([cells]))
            return
        padded = [[*old, *[""] * (len(known) - len(old))] for old in rows]
        partial = path.with_suffix(".partial")
        partial.write_text(_lines([known, *padded, cells]), encoding="utf-8", newline="")
        partial.replace(path)


def current_commit(folder: Path) -> Commit:
    """Return the commit that ``folder`` is checked out at."""
    sha = _git(folder, "rev-parse", "HEAD")
    return Commit(sha.strip(), bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))


def _figures(listened: Listened) -> dict[str, object]:
    row: dict[str, object] = {}
    for corpus in listened.corpora:
        own = listened.of(corpus)
        for head, names in ((Head.EMOTION, ("uar", "accuracy")), (Head.GENDER, ("accuracy",))):
            counts = own.counts(head, own.present(head))
            for name in names:
                value = getattr(metrics.summary(counts), name)
                row[f"{corpus}.{head.value}.{name}"] = f"{value:.4f}"
        row[f"{corpus}.clips"] = len(own.rows)
    return row


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    if not path.exists():
        return [], []
    with path.open(newline="", encoding="utf-8") as log:
        header, *rows = list(csv.reader(log)) or [[]]
    return header, rows


def _lines(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Beside the log, not the log itself, which a new column puts a new file in the place of.
    descriptor = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
