"""Memory that was freed, back to the system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Have the C library return what it keeps for later; where it cannot, nothing happens.

    glibc keeps up to twice the largest block that was ever freed, 18 MB after a model of 9 MB was
    tried out: https://man7.org/linux/man-pages/man3/mallopt.3.html, ``M_MMAP_THRESHOLD``.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or no such thing
        return
    trim(0)
