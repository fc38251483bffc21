"""Progress bars of the commands."""

from __future__ import annotations

import sys


def can_be_drawn() -> bool:
    """Whether standard error is a terminal, which a bar needs.

    rich would say so without one where ``FORCE_COLOR`` or ``TTY_COMPATIBLE`` is set, as in many
    CI systems, and fill their logs with control characters.
    """
    return sys.stderr.isatty()
