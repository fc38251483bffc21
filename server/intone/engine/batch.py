"""What waits for the model, and what goes to it at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from intone.errors import IntoneError
from intone.types import FloatArray, Scores

Outcome = Scores | IntoneError | None
"""What became of a block: its scores (None from a model that answers at the end, once it has
taken the block), or the error that ended its utterance."""


@dataclass(slots=True, eq=False)
class Block:
    """A block of an utterance, or its end, on its way to the model."""

    window: FloatArray | None
    """None asks for the answer at the end."""
    arrived_s: float
    is_waiting: bool = True


class Ticket:
    """One utterance's place in the engine; its state lives here."""

    __slots__ = ("blocks", "is_busy", "is_dropped", "is_ended", "is_ready", "on_outcome", "state")

    def __init__(self, on_outcome: Callable[[Outcome], None], state: FloatArray) -> None:
        self.on_outcome = on_outcome
        self.state = state
        self.blocks: deque[Block] = deque()
        self.is_ready = False
        self.is_busy = False
        self.is_ended = False
        self.is_dropped = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one model call takes."""

    tickets: list[Ticket]
    blocks: list[Block]
    late: list[Ticket]
    """Whose oldest block waited too long: over without a model call."""

    @property
    def is_end(self) -> bool:
        """Whether it is one utterance's answer at the end, not blocks."""
        return any(block.window is None for block in self.blocks)
