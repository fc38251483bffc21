"""Sound files that are shorter than they say: libsndfile reads WAV and AIFF as far as they go."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_ORDERS: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"FORM": "big"}
"""First bytes of WAV and AIFF, and how the size behind them is written (of all that follows)."""

_UNKNOWN = (0, 0xFFFFFFFF)
"""What a writer says that could not come back to fill the size in."""

_SLACK_BYTES = 64
"""Some writers count the header too, or not the padding."""


def missing_bytes(path: Path) -> int:
    """Return how many bytes of a WAV or AIFF file are not there; 0 of any other file.

    Raises :class:`OSError`.
    """
    with path.open("rb") as file:
        start = file.read(8)
    order = _ORDERS.get(start[:4])
    if order is None or len(start) < 8:
        return 0
    size = int.from_bytes(start[4:], order)
    missing = size + len(start) - path.stat().st_size
    return missing if size not in _UNKNOWN and missing > _SLACK_BYTES else 0
