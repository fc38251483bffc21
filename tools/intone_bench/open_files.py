"""How many sockets a process may have open."""

from __future__ import annotations

from intone.web import open_files


class TooFewFiles(Exception):
    """The machine does not let a process open as many sockets as asked for."""


def raise_file_limit(needed: int = 0) -> None:
    """Allow this process and its children as many as the machine lets this user have.

    Raises :class:`TooFewFiles` if those are fewer than ``needed``.
    """
    allowed = open_files.raise_file_limit()
    if allowed < needed:
        raise TooFewFiles(
            f"{needed} sockets are needed, {allowed:.0f} files are allowed (ulimit -Hn)"
        )
