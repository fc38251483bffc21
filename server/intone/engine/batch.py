"""What waits for the model, and what goes to it at once."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from intone.errors import IntoneError
from intone.types import FloatArray, Scores

Outcome = Scores | IntoneError | None
"""What became of a block: its scores (None from a model that answers at the end, once it has
taken the block), or the error that ended its utterance."""


_RANK_SPREAD_S = 2.0
"""Of utterances that begin together chance says who goes first, lest it be the same each time."""


@dataclass(slots=True, eq=False)
class Block:
    """A block of an utterance, or its end, on its way to the model."""

    window: FloatArray | None
    """None asks for the answer at the end."""
    arrived_s: float
    is_waiting: bool = True

    def let_go(self) -> None:
        """Keep no samples: a block may be remembered longer than it waits."""
        self.window = None
        self.is_waiting = False


class Ticket:
    """One utterance's place in the engine; its state lives here."""

    __slots__ = (
        "blocks", "is_busy", "is_dropped", "is_ended", "is_ready", "on_outcome", "rank", "state",
    )  # fmt: skip

    def __init__(self, on_outcome: Callable[[Outcome], None], state: FloatArray) -> None:
        self.rank = time.monotonic() + random.uniform(0, _RANK_SPREAD_S)
        """Who has a lower one goes first."""
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
    """Whose oldest block waited too long, as far as they are given up: over without a call."""

    @property
    def is_end(self) -> bool:
        """Whether it is one utterance's answer at the end, not blocks."""
        return any(block.window is None for block in self.blocks)

    def one_by_one(self) -> list[Batch]:
        """Return each utterance's block as a batch of its own."""
        pairs = zip(self.tickets, self.blocks, strict=True)
        return [Batch([ticket], [block], []) for ticket, block in pairs]


class Waiting:
    """Utterances with a block that waits. Those with a lower rank, which began first, go first.

    First come, first served, an overload would make all of them late together, and all be given
    up just before their ends. So some keep up, and the work goes into what will have a result.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Ticket]] = []
        self._counter = itertools.count()
        self._arrivals: deque[Block] = deque()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def head(self) -> Ticket:
        """Who goes first."""
        return self._heap[0][2]

    def note_arrival(self, block: Block) -> None:
        """Count ``block`` among those that wait, though its utterance may be busy."""
        self._arrivals.append(block)

    @property
    def oldest_arrived_s(self) -> float:
        """When the block arrived that has waited longest; infinity where none waits."""
        self.forget_taken()
        return self._arrivals[0].arrived_s if self._arrivals else math.inf

    def forget_taken(self) -> None:
        """Let go of blocks that wait no longer."""
        while self._arrivals and not self._arrivals[0].is_waiting:
            self._arrivals.popleft()

    def push(self, ticket: Ticket, *, is_next: bool = False) -> None:
        """Let ``ticket`` wait, before all others if it ``is_next``."""
        rank = 0.0 if is_next else ticket.rank
        heapq.heappush(self._heap, (rank, next(self._counter), ticket))

    def remove(self, ticket: Ticket) -> None:
        """Let ``ticket`` wait no longer."""
        self._heap = [entry for entry in self._heap if entry[2] is not ticket]
        heapq.heapify(self._heap)

    def fill(self, batch: Batch, size: int) -> None:
        """Take into ``batch`` those who go first, ``size`` at most."""
        while self._heap and len(batch.tickets) < size:
            ticket = heapq.heappop(self._heap)[2]
            is_end = ticket.blocks[0].window is None
            if batch.tickets and is_end:
                # One utterance's answer takes as long as many blocks: it goes alone.
                self.push(ticket, is_next=True)
                return
            ticket.is_ready = False
            batch.tickets.append(ticket)
            if is_end:
                return

    def take_late(self, batch: Batch, oldest_s: float) -> list[Ticket]:
        """Take those to be given up whose oldest block arrived before ``oldest_s``.

        All who were left out of ``batch``; where nobody was, one that is in it, the last to
        begin: without it the others may catch up.
        """
        if self.oldest_arrived_s >= oldest_s:
            return []
        late = [t for _, _, t in self._heap if t.blocks[0].arrived_s < oldest_s]
        if late:
            self._heap = [e for e in self._heap if e[2].blocks[0].arrived_s >= oldest_s]
            heapq.heapify(self._heap)
            for ticket in late:
                ticket.is_ready = False
            return late
        in_batch = [t for t in batch.tickets if t.blocks[0].arrived_s < oldest_s]
        if in_batch:
            late = [max(in_batch, key=lambda ticket: ticket.rank)]
            batch.tickets.remove(late[0])
        return late
