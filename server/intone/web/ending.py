"""Why a session ends, and how its client is told."""

from __future__ import annotations

from dataclasses import dataclass

from intone.errors import IntoneError, ShuttingDown

NORMAL_CLOSURE = 1000
INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ends, and how its client is told."""

    reason: str
    close_code: int
    error: IntoneError | None = None


BY_CLIENT = Ending("client", NORMAL_CLOSURE)
VANISHED = Ending("vanished", NORMAL_CLOSURE)
SHUTDOWN = Ending("server_shutdown", ShuttingDown.close_code or NORMAL_CLOSURE)


def because_of(error: IntoneError) -> Ending:
    """Return the end that an error makes."""
    return Ending(error.code, error.close_code or INTERNAL_ERROR, error)


def our_fault() -> IntoneError:
    """Return what a client is told where something of ours went wrong: the log has the details."""
    return IntoneError("something went wrong here; it was logged")


def fault() -> Ending:
    """Return the end of a session in which something of ours went wrong."""
    return because_of(our_fault())
