"""WAV files whose writer never came back to say how much audio there is."""

from __future__ import annotations

import os
from typing import BinaryIO

from intone.cut_short import LONGEST_BYTES

_RIFF_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_UNKNOWN_SIZE = b"\xff" * 4
"""As data's size: what libsndfile reads to the end of the file by, as it does not by 0."""


class UnsizedWav:
    """A WAV file as it would be, had its writer known that it could not come back."""

    def __init__(self, file: BinaryIO, size_at: int) -> None:
        """Take the size at ``size_at`` for unknown."""
        self._file = file
        self._size_at = size_at
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        """Read as from any file, with the size filled in."""
        offset = self._size_at - self._file.tell()
        content = self._file.read(size)
        filled = range(max(0, offset), min(len(content), offset + len(_UNKNOWN_SIZE)))
        if not filled:
            return content
        told = _UNKNOWN_SIZE[: len(filled)]
        return content[: filled.start] + told + content[filled.stop :]


def unfilled_size_at(file: BinaryIO) -> int | None:
    """Return where a WAV file says that it holds 0 bytes of audio, if audio follows.

    A recorder that was killed, or one that wrote to a pipe, leaves the 0 that it meant to
    overwrite; it leaves the size of the whole file alike, by which it is told from a file without
    audio that something else follows. None for any other file. Leaves the position in ``file``,
    which must be one that can seek. Raises :class:`OSError`.
    """
    position = file.tell()
    try:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = file.read(_RIFF_HEADER_BYTES)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return None
        chunk_at = _data_chunk_at(file)
        if chunk_at is None:
            return None
        audio_at = chunk_at + _CHUNK_HEADER_BYTES
        told_bytes = int.from_bytes(start[4:8], "little") + _CHUNK_HEADER_BYTES
        is_told = audio_at < told_bytes < LONGEST_BYTES
        return None if is_told or length <= audio_at else chunk_at + 4
    finally:
        file.seek(position)


def _data_chunk_at(file: BinaryIO) -> int | None:
    """Go from chunk to chunk to the one with the audio; None unless that says 0."""
    at = _RIFF_HEADER_BYTES
    while True:
        file.seek(at)
        header = file.read(_CHUNK_HEADER_BYTES)
        if len(header) < _CHUNK_HEADER_BYTES:
            return None
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return None if size else at
        at += _CHUNK_HEADER_BYTES + size + size % 2
