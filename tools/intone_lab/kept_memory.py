"""Freed memory, kept by the C library for the next array."""

from __future__ import annotations

from intone.engine.freed_memory import c_function

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
"""glibc's numbers: https://man7.org/linux/man-pages/man3/mallopt.3.html."""

KEPT_BYTES = 256 << 20
"""More than any array that is freed and wanted again."""


def keep_freed() -> None:
    """Have glibc keep what is freed; with another C library nothing happens.

    TensorFlow has it given back over 128 kB (``generator_dataset_op.cc``) once it is fed by
    Python: each step of training then takes its arrays from the system anew, which was half of
    its time.
    """
    set_option = c_function("mallopt")
    if set_option is not None:
        set_option(_M_TRIM_THRESHOLD, KEPT_BYTES)
        set_option(_M_MMAP_THRESHOLD, KEPT_BYTES)
