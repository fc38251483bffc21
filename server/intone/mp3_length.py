"""MP3 files that do not say how long they are, or say it of a part only.

libsndfile goes by a guess, or by the part: it takes a variable bit rate for a constant one where no
header of Xing's tells the count, and reads nothing behind the end that it made out so; of files
that were put one behind the other it reads the first.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import BinaryIO

from intone.containers import behind_tags

_KBPS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by their index less 1: of MPEG 1, and of MPEG 2 and 2.5."""
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates by version (3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5) and index."""
_LAYER_3 = 1
_MONO = 3
_HEADER_BYTES = 4
_RESYNC_BYTES = 1_024
"""As far as mpg123, which libsndfile decodes with, looks for the next frame behind rubbish."""
_MOST_GAPS = 64
"""More rubbish between frames than any recording has is a way to keep us busy."""
_LEFT_OUT = 8
"""Frames that decoders leave out at both ends, and more."""
_COUNTS = 1
"""Xing's flag: the header tells frames."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A header, ISO/IEC 11172-3 2.4.1.3."""

    version: int
    rate_hz: int
    is_mono: bool
    bytes: int
    """Of header and audio."""

    @property
    def samples(self) -> int:
        """A channel."""
        return 1_152 if self.version == 3 else 576

    @property
    def xing_at(self) -> int:
        """Where Xing's header begins in a frame: behind what would be the side information."""
        side_bytes = (
            (17 if self.is_mono else 32) if self.version == 3 else (9 if self.is_mono else 17)
        )
        return _HEADER_BYTES + side_bytes


@dataclass(frozen=True, slots=True)
class Mp3Length:
    """How long an MP3 file is, by all of its frames."""

    audio_at: int
    """Where the first frame of audio begins."""
    frames: int
    told_frames: int | None
    """What the file's own header says; None where it has none."""
    samples_per_frame: int
    head: bytes
    """A frame of Xing's that says how many follow."""

    def is_misread(self, samples: int) -> bool:
        """Whether ``samples`` (a channel), which libsndfile finds, are not what there is.

        A file that says more than it holds is one that breaks off, and no such thing.
        """
        if self.told_frames is not None:
            return self.told_frames < self.frames
        return abs(samples - self.frames * self.samples_per_frame) > self.samples_per_frame


class HeadedMp3:
    """An MP3 file with another header than its own."""

    def __init__(self, file: BinaryIO, length: Mp3Length) -> None:
        """Take what ``file`` holds from ``length.audio_at`` on, behind ``length.head``."""
        self._file = file
        self._head = length.head
        self._shift = length.audio_at - len(length.head)
        self._at = 0

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there, as in any file. Raises :class:`ValueError` for a place before the start."""
        if whence == os.SEEK_CUR:
            offset += self._at
        elif whence == os.SEEK_END:
            offset += self._file.seek(0, os.SEEK_END) - self._shift
        if offset < 0:
            raise ValueError(f"there is no position {offset}")
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """Read as from any file."""
        head = self._head[self._at :] if size < 0 else self._head[self._at : self._at + size]
        rest = size if size < 0 else size - len(head)
        self._file.seek(max(self._at, len(self._head)) + self._shift)
        content = head + self._file.read(rest)
        self._at += len(content)
        return content


def mp3_length(file: BinaryIO, longest_s: float = math.inf) -> Mp3Length | None:
    """Count the frames of an MP3 file; None where they are none of MPEG's Layer III, or in shreds.

    Of a file over ``longest_s`` not all, but enough to be over it. Leaves the position in ``file``,
    which must be one that can seek. Raises :class:`OSError`.
    """
    position = file.tell()
    try:
        found = _next_frame(file, 0, None)
        if found is None:
            return None
        first_at, first = found
        is_told, told = _told_frames(file, first_at, first)
        audio_at = first_at + first.bytes if is_told else first_at
        most = longest_s * first.rate_hz / first.samples + _LEFT_OUT
        frames = _count(file, audio_at, first, most)
        if frames is None:
            return None
        return Mp3Length(audio_at, frames, told, first.samples, _xing(first, frames))
    finally:
        file.seek(position)


def _count(file: BinaryIO, at: int, like: _Frame, most: float) -> int | None:
    frames = gaps = 0
    place: int | None = at
    while place is not None and gaps <= _MOST_GAPS and frames <= most:
        frame = _frame_at(file, place)
        if frame is not None and _is_alike(frame, like):
            frames += 1
            place += frame.bytes
        else:
            gaps += 1
            found = _next_frame(file, place, like)
            place = None if found is None else found[0]
    return frames if place is None or frames > most else None


def _is_alike(frame: _Frame, like: _Frame) -> bool:
    return (frame.version, frame.rate_hz) == (like.version, like.rate_hz)


def _frame_at(file: BinaryIO, at: int) -> _Frame | None:
    file.seek(at)
    return _parsed(file.read(_HEADER_BYTES))


def _parsed(header: bytes) -> _Frame | None:
    """Return what a frame's header says; None if it is none, or one of a free bit rate."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES_HZ or layer != _LAYER_3 or bitrate in {0, 15} or rate == 3:
        return None
    rate_hz = _RATES_HZ[version][rate]
    kbps = _KBPS[3 if version == 3 else 2][bitrate - 1]
    size = (144 if version == 3 else 72) * kbps * 1_000 // rate_hz + (header[2] >> 1 & 1)
    return _Frame(version, rate_hz, header[3] >> 6 == _MONO, size)


def _next_frame(file: BinaryIO, at: int, like: _Frame | None) -> tuple[int, _Frame] | None:
    """Return the next frame at ``at`` or behind, and where, over tags and a little rubbish."""
    at = behind_tags(file, at)
    file.seek(at)
    content = file.read(_RESYNC_BYTES + _HEADER_BYTES)
    for offset in range(max(len(content) - _HEADER_BYTES + 1, 0)):
        frame = _parsed(content[offset : offset + _HEADER_BYTES])
        if frame is None or (like is not None and not _is_alike(frame, like)):
            continue
        # Four bytes of rubbish may look like a header; not two headers at the right distance.
        following = _frame_at(file, at + offset + frame.bytes)
        if following is not None and _is_alike(following, frame):
            return at + offset, frame
    return None


def _told_frames(file: BinaryIO, at: int, frame: _Frame) -> tuple[bool, int | None]:
    """Return whether the frame at ``at`` is one that tells of the others, and how many it tells."""
    file.seek(at)
    content = file.read(frame.bytes)
    tag = content[frame.xing_at : frame.xing_at + 12]
    if tag[:4] in {b"Xing", b"Info"}:
        has_count = len(tag) == 12 and tag[7] & _COUNTS
        return True, int.from_bytes(tag[8:12], "big") if has_count else None
    # VBRI's stands at the same place in every frame.
    tag = content[36 : 36 + 18]
    if tag[:4] == b"VBRI" and len(tag) == 18:
        return True, int.from_bytes(tag[14:18], "big")
    return False, None


def _xing(like: _Frame, frames: int) -> bytes:
    """Return a frame that says that ``frames`` follow, of the highest bit rate: it has room."""
    version = like.version
    rate = _RATES_HZ[version].index(like.rate_hz)
    header = bytes(
        (
            0xFF,
            0xE1 | version << 3 | _LAYER_3 << 1,
            14 << 4 | rate << 2,
            _MONO << 6 if like.is_mono else 0,
        )
    )
    frame = _parsed(header)
    assert frame is not None
    told = b"Xing" + _COUNTS.to_bytes(4, "big") + frames.to_bytes(4, "big")
    return (header + bytes(frame.xing_at - len(header)) + told).ljust(frame.bytes, b"\0")
