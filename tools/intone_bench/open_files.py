"""How many sockets a process may have open."""

from __future__ import annotations

import resource


class TooFewFiles(Exception):
    """The machine does not let a process open as many sockets as asked for."""


def raise_file_limit(needed: int = 0) -> None:
    """Allow this process and its children as many as the machine lets this user have.

    Raises :class:`TooFewFiles` if those are fewer than ``needed``.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFiles(f"{needed} sockets are needed, {hard} files are allowed (ulimit -Hn)")
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
