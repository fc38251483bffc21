"""How many sockets a process may have open, and so how many sessions."""

from __future__ import annotations

import contextlib
import logging
import math
from dataclasses import replace

from intone.settings import ServerSettings

try:
    import resource
except ImportError:  # Windows, where only memory limits them
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

BESIDES_SESSIONS = 64
"""Files that are no session's: models, logs, uploads, health checks and who is refused."""


def raise_file_limit() -> float:
    """Let this process and its children open as many files as this user may; return how many.

    Infinity where nothing is said to limit them.
    """
    if resource is None:
        return math.inf
    allowed, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS takes no "unlimited", whatever it says.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        allowed = hard
    return math.inf if allowed == resource.RLIM_INFINITY else allowed


def within_open_files(settings: ServerSettings) -> ServerSettings:
    """Let the process open as many files as this user may, and no more sessions than fit.

    Past the limit the system would drop connections without a word to anybody.
    """
    allowed = raise_file_limit()
    wanted = settings.limits.max_sessions
    if wanted + BESIDES_SESSIONS <= allowed:
        return settings
    fitting = max(int(allowed) - BESIDES_SESSIONS, 1)
    log.warning(
        "a process may open %d files here (ulimit -Hn): room for %d sessions, not for the %d of "
        "limits.max_sessions", allowed, fitting, wanted,
    )  # fmt: skip
    return replace(settings, limits=replace(settings.limits, max_sessions=fitting))
