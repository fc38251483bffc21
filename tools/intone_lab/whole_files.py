"""Files that are there whole or not at all: what is found later is trusted."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content``; what an interrupted write leaves has another name (``partial-…``)."""
    partial = path.with_name("partial-" + path.name)
    partial.write_bytes(content)
    partial.replace(path)
