"""What training a split took, kept beside its exports until it is logged.

A run may be stopped between the two: what was trained before is measured and logged after.
"""

from __future__ import annotations

from pathlib import Path

from intone_lab.whole_files import write_whole


def keep(folder: Path, split: str, seconds: float) -> None:
    """Keep in a run's ``folder`` what training ``split`` took."""
    write_whole(_path(folder, split), str(seconds).encode())


def kept(folder: Path, split: str) -> float | None:
    """Return it; None of a split that is logged, or was never trained."""
    path = _path(folder, split)
    return float(path.read_text(encoding="utf-8")) if path.exists() else None


def forget(folder: Path, split: str) -> None:
    """Drop it: it is logged."""
    _path(folder, split).unlink(missing_ok=True)


def _path(folder: Path, split: str) -> Path:
    return folder / f"{split}.seconds"
