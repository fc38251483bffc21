"""No memory of a process that hears people on disk, should it be killed by a fault."""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows, which is asked for such files
    resource = None  # type: ignore[assignment]

_NONE_BYTES = 1
"""Too small for a file; and handed a program, such as systemd's, Linux writes nothing either at
just this limit, while 0 counts for files alone (``fs/coredump.c``)."""


def leave_none() -> None:
    """Let this process and its children leave no core dump, which would hold audio and tokens."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        most = 0 if hard == 0 else _NONE_BYTES
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
