"""Sound files that are shorter than they say: libsndfile reads WAV and AIFF as far as they go."""

from __future__ import annotations

import os
from typing import BinaryIO, Literal

_ORDERS: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"FORM": "big"}
"""First bytes of WAV and AIFF, and how the size behind them is written (of all that follows)."""

LONGEST_BYTES = 0x7FFF_0000
"""From here on, as at 0, it is what a writer says that could not come back to fill the size in."""

_SLACK_BYTES = 64
"""Some writers count the header too, or not the padding."""


def missing_bytes(file: BinaryIO) -> int:
    """Return how many bytes of a WAV or AIFF file are not there; 0 of any other file.

    Leaves the position in ``file``, which must be one that can seek. Raises :class:`OSError`.
    """
    position = file.tell()
    file.seek(0)
    start = file.read(8)
    length = file.seek(0, os.SEEK_END)
    file.seek(position)
    order = _ORDERS.get(start[:4])
    if order is None or len(start) < 8:
        return 0
    size = int.from_bytes(start[4:], order)
    missing = size + len(start) - length
    return missing if 0 < size < LONGEST_BYTES and missing > _SLACK_BYTES else 0
