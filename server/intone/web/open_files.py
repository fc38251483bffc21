"""How many sockets a process may have open, and so how many sessions."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace

from intone.settings import ServerSettings

try:
    import resource
except ImportError:  # Windows, where only memory limits them
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

BESIDES_SESSIONS = 64
"""Files that are no session's: models, logs, uploads, health checks and who is refused."""


def within_open_files(settings: ServerSettings) -> ServerSettings:
    """Let the process open as many files as this user may, and no more sessions than fit.

    Past the limit the system would drop connections without a word to anybody.
    """
    if resource is None:
        return settings
    allowed, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS takes no "unlimited", whatever it says.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        allowed = hard
    wanted = settings.limits.max_sessions
    if allowed == resource.RLIM_INFINITY or wanted + BESIDES_SESSIONS <= allowed:
        return settings
    fitting = max(allowed - BESIDES_SESSIONS, 1)
    log.warning(
        "a process may open %d files here (ulimit -Hn): room for %d sessions, not for the %d of "
        "limits.max_sessions", allowed, fitting, wanted,
    )  # fmt: skip
    return replace(settings, limits=replace(settings.limits, max_sessions=fitting))
