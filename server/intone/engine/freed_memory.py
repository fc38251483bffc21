"""Memory that was freed, back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def give_back() -> None:
    """Have the C library return what it keeps for later; where it cannot, nothing happens.

    glibc keeps up to twice the largest block that was ever freed, 18 MB after a model of 9 MB was
    tried out: https://man7.org/linux/man-pages/man3/mallopt.3.html, ``M_MMAP_THRESHOLD``.
    """
    trim = c_function("malloc_trim")
    if trim is not None:
        trim(0)


def c_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where that is another one, or no such thing."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found
