"""Sound files that are shorter than they say: libsndfile reads these as far as they go.

WAV (also RF64 and Wave64), AIFF and AU tell their size at the start; Ogg is a row of pages, each
of which tells its own.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Literal

LONGEST_BYTES = 0x7FFF_0000
"""From here on, as at 0, it is what a writer says that could not come back to fill the size in."""

_LONGEST_64_BIT_BYTES = 1 << 62
"""The same of a size of 64 bits."""

_SLACK_BYTES = 64
"""Some writers count the header too, or not the padding."""

_START_BYTES = 28
"""As far as any header is looked at."""

_ORDERS: dict[bytes, Literal["little", "big"]] = {
    b"RIFF": "little",
    b"RIFX": "big",
    b"FORM": "big",
    b".snd": "big",
    b"dns.": "little",
}
"""First bytes of WAV, AIFF and AU, and how the sizes behind them are written."""

_WAVE64 = bytes.fromhex("72696666 2e91cf11 a5d628db 04c10000")

_PAGE = b"OggS"
_PAGE_HEADER_BYTES = 27
_LONGEST_PAGE_BYTES = _PAGE_HEADER_BYTES + 255 + 255 * 255
_TAIL_BYTES = 2 * _LONGEST_PAGE_BYTES
"""A page, and as much behind the last one: tags that some programs put there."""
_END_OF_STREAM = 4
_FLAGS = 7
"""All that there are, among them that of the end."""


def missing_bytes(file: BinaryIO) -> int:
    """Return how many bytes of a sound file are not there, or at least how many.

    0 of a file that is whole, that does not say, or of another format than WAV, RF64, Wave64, AIFF,
    AU and Ogg. Leaves the position in ``file``, which must be one that can seek. Raises
    :class:`OSError`.
    """
    position = file.tell()
    try:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(_START_BYTES)
        if start[:4] == _PAGE:
            file.seek(max(0, length - _TAIL_BYTES))
            return _missing_of_pages(file.read())
    finally:
        file.seek(position)
    told = _told_bytes(start)
    return told - length if told - length > _SLACK_BYTES else 0


def _told_bytes(start: bytes) -> int:
    """Return how long a file is, by its first bytes; 0 if they do not say."""
    if start[:4] == b"RF64" and start[12:16] == b"ds64":
        # EBU Tech 3306: RIFF's own size is -1, the chunk behind has it.
        return _told_64_bit(start[20:28], 8)
    if start[:16] == _WAVE64:
        return _told_64_bit(start[16:24], 0)
    order = _ORDERS.get(start[:4])
    if order is None or len(start) < 12:
        return 0
    first, second = int.from_bytes(start[4:8], order), int.from_bytes(start[8:12], order)
    # AU tells where the audio begins, and its size.
    header, size = (first, second) if start[:4] in {b".snd", b"dns."} else (8, first)
    return header + size if 0 < size < LONGEST_BYTES else 0


def _told_64_bit(field: bytes, header_bytes: int) -> int:
    size = int.from_bytes(field, "little")
    return header_bytes + size if 0 < size < _LONGEST_64_BIT_BYTES else 0


def _missing_of_pages(tail: bytes) -> int:
    """Return how many bytes the end of an Ogg file lacks, at least; RFC 3533, section 6.

    A last page that is whole is the end, whether or not it says that it is the stream's last:
    Android's recorder, and by it Telegram's voice messages, never say so, nor does a recorder that
    was killed between two pages.
    """
    at = _last_page_at(tail)
    if at is None:
        return 0
    header = tail[at : at + _PAGE_HEADER_BYTES]
    if len(header) < _PAGE_HEADER_BYTES:
        return _PAGE_HEADER_BYTES - len(header)
    segments = header[-1]
    sizes = tail[at + _PAGE_HEADER_BYTES :][:segments]
    end = at + _PAGE_HEADER_BYTES + segments + sum(sizes)
    if len(tail) < end:
        return end - len(tail)
    # A packet goes on behind a segment of 255 bytes; one that ends there has an empty one too.
    if sizes[-1:] == b"\xff" and not header[5] & _END_OF_STREAM:
        return _PAGE_HEADER_BYTES
    rest = tail[end:]
    return _PAGE_HEADER_BYTES - len(rest) if rest and _PAGE.startswith(rest) else 0


def _last_page_at(tail: bytes) -> int | None:
    at = len(tail)
    while (at := tail.rfind(_PAGE, 0, at)) >= 0:
        # The version, 0, and flags, if they are still there; else it is audio that looks like it.
        if tail[at + 4 : at + 6] <= bytes((0, _FLAGS)):
            return at
    return None
