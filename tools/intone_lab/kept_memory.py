"""Freed memory, kept by the C library for the next array."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""glibc's numbers: https://man7.org/linux/man-pages/man3/mallopt.3.html."""

_KEPT_BYTES = 256 << 20


def keep_freed() -> None:
    """Have glibc keep what is freed; with another C library nothing happens.

    TensorFlow has it given back over 128 kB (``generator_dataset_op.cc``) once it is fed by
    Python: each step of training then takes its arrays from the system anew, which was half of
    its time.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    set_option(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    set_option(_M_MMAP_THRESHOLD, _KEPT_BYTES)
