"""Which sound files are handed to libsndfile: those of formats that people have.

It also reads some from before the web, and in the readers of those a few bytes can keep it busy
for ever, in native code that nothing interrupts.
"""

from __future__ import annotations

from typing import BinaryIO

NAMES = "WAV, RF64, Wave64, AIFF, AU, CAF, FLAC, Ogg, MP3, VOC, NIST SPHERE or PVF"
"""For people."""

_STARTS = (
    *(b"RIFF", b"RIFX", b"RF64", b"riff", b".snd", b"dns.", b"caff"),
    *(b"fLaC", b"OggS", b"Creative Voice File", b"NIST_1", b"PVF1\n"),
)
_FORM, _FORMS = b"FORM", (b"AIFF", b"AIFC")
"""An IFF file says what it is behind its size."""
_LONGEST_START = 24
_TAG_HEADER_BYTES = 10
_MOST_TAGS = 8


def is_known_container(file: BinaryIO, name: str = "") -> bool:
    """Whether ``file``, which can seek, begins as one of :data:`NAMES` does, or does so behind ID3.

    Or is an MP3 by its ``name``, in the middle of which it may begin. Leaves the position.
    libsndfile goes over such tags, too, and looks at what follows anew.
    """
    position = file.tell()
    try:
        file.seek(behind_tags(file, 0))
        start = file.read(_LONGEST_START)
    finally:
        file.seek(position)
    is_named_mp3 = name.lower().endswith(".mp3") and not start.startswith(_FORM)
    return is_named_mp3 or _is_known(start)


def behind_tags(file: BinaryIO, at: int) -> int:
    """Return where the ID3v2 tags at ``at`` end; go over no more than any recording has."""
    for _ in range(_MOST_TAGS):
        file.seek(at)
        start = file.read(_TAG_HEADER_BYTES)
        if len(start) < _TAG_HEADER_BYTES or not start.startswith(b"ID3"):
            break
        size = 0
        for byte in start[6:]:
            size = size << 7 | byte & 0x7F
        at += _TAG_HEADER_BYTES + size
    return at


def _is_known(start: bytes) -> bool:
    if start.startswith(_FORM):
        return start[8:12] in _FORMS
    # MPEG's frames begin with eleven ones.
    is_mpeg = len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0
    return is_mpeg or start.startswith(_STARTS)
