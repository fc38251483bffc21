"""What native code writes on standard error by itself, kept out of what Python writes there.

mpg123 tells of every damaged frame of an MP3 file, and TFLite greets: no lines of a JSON log, and
nothing that a person at the command line needs. No setting of either turns it off from here, so
for as long as they are at work descriptor 2 leads nowhere. What they fail in, they also return.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock


class NativeOutput:
    """What goes to one of the process's descriptors by its number, and can be hidden."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lock = Lock()
        self._hiders = 0
        self._kept: int | None = None
        self._nowhere: int | None = None

    def keep(self, kept: int) -> None:
        """Take ``kept``, another descriptor of the same: from now on it can be hidden.

        It is held, and one of nowhere too: an upload must not fail for want of them. Raises
        :class:`OSError` where there is none left.
        """
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._kept = kept

    @property
    def is_kept(self) -> bool:
        """Whether what is not to be lost has a descriptor of its own."""
        return self._kept is not None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide it, if it is kept; it is back when the last of all threads that hide it is done.

        Else nothing is hidden: what other threads write would be lost with it.
        """
        if self._kept is None or self._nowhere is None:
            yield
            return
        with self._lock:
            if not self._hiders:
                os.dup2(self._nowhere, self._number)
            self._hiders += 1
        try:
            yield
        finally:
            with self._lock:
                self._hiders -= 1
                if not self._hiders:
                    os.dup2(self._kept, self._number)


NATIVE_STDERR = NativeOutput(2)
"""Of this process, which has one."""


def part_stderr() -> None:
    """Give Python's standard error a descriptor of its own, for as long as the process runs.

    For commands, before anything else has taken ``sys.stderr``: logs, warnings and tracebacks of
    all threads then come through while native code is hidden. What can be lost is the last word
    of a process that a native library aborts just then; its exit code still tells.

    Nothing is done, and nothing hidden later, where ``sys.stderr`` is not descriptor 2 or no
    descriptor is left.
    """
    told = sys.stderr
    # What replaced it may have no number (ValueError: io.UnsupportedOperation is one).
    with suppress(OSError, ValueError, AttributeError):
        if told.fileno() != 2:
            return
        told.flush()
        own = open(  # noqa: SIM115 - it stays, as standard streams do
            os.dup(2),
            "w",
            buffering=1,
            encoding=told.encoding,
            errors=told.errors,
            closefd=False,
        )
        own.reconfigure(write_through=getattr(told, "write_through", False))
        NATIVE_STDERR.keep(own.fileno())
        sys.stderr = own
        if faulthandler.is_enabled():
            faulthandler.enable(own)


@contextmanager
def native_greeting_hidden() -> Iterator[None]:
    """Hide also in a process whose standard error is not parted, for as short as can be.

    TFLite greets once a process, when the first model is loaded.
    """
    if NATIVE_STDERR.is_kept:
        with NATIVE_STDERR.hidden():
            yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
