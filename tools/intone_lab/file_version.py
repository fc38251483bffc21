"""Which version of a file it is: what was made of another is not what this one gives."""

from __future__ import annotations

from pathlib import Path

FileVersion = tuple[int, int]
"""Size in bytes and time of change in ns."""


def file_version(path: Path) -> FileVersion | None:
    """Return the version of the file at ``path``, None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
