"""Where a server stands in its life, and what it asks of its sessions then."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Phase(str, Enum):
    """Where the server stands; values are the wire's."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class Stoppable(Protocol):
    """A session, as far as the server needs to know it."""

    def stop(self) -> None:
        """Begin an orderly end."""
        ...
