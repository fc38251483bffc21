"""Batches the blocks of all live utterances into few model calls, on one worker thread.

A block depends on the state that the utterance's previous block left, so a batch holds at
most one block of each utterance. Everything but the model call happens under one lock; what
a batch gave goes back in one call across threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from intone.core.recogniser import Recogniser, UtteranceRecogniser
from intone.engine.batch import Batch, Block, Outcome, Ticket
from intone.errors import IntoneError, Overloaded, RecogniserFailed
from intone.settings import EngineSettings
from intone.types import FloatArray

log = logging.getLogger(__name__)

WARM_BATCH = 4
"""Larger batches are met once there are many sessions, and made ready then: 10 ms, once, for 64
utterances. Ready from the start they would take 16 MB of a server that has two sessions."""

Post = Callable[[Callable[[], None]], object]
"""Runs a callable on the owner's thread, in order: ``loop.call_soon_threadsafe``."""


class EngineObserver(Protocol):
    """Told of every batch, on the owner's thread."""

    def batch_done(self, waits_s: Sequence[float], inference_s: float) -> None:
        """``waits_s`` is how long each block waited, ``inference_s`` the model call's time."""
        ...


class Engine:
    """The model calls of one recogniser.

    All methods are called by one owner thread. Outcomes come back on that thread, through
    ``post``, in the order in which the blocks of an utterance were submitted.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        settings: EngineSettings,
        post: Post,
        observer: EngineObserver,
    ) -> None:
        self._recogniser = recogniser
        self._settings = settings
        self._post = post
        self._observer = observer
        self._changed = threading.Condition()
        self._ready: deque[Ticket] = deque()
        self._expected: set[Ticket] = set()
        self._arrivals: deque[Block] = deque()
        self._is_stopped = False
        name = f"intone-engine-{recogniser.card.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- the owner's side --------------------------------------------------------------

    def start(self) -> None:
        """Run the model once at the sizes it will meet first, then start the worker."""
        card, size = self._recogniser.card, 1
        while True:
            windows = np.zeros((size, card.shape.window), np.float32)
            output = self._recogniser.step(windows, [np.zeros(card.state_size, np.float32)] * size)
            if size >= min(self._settings.max_batch, WARM_BATCH):
                break
            size = min(2 * size, self._settings.max_batch)
        if isinstance(self._recogniser, UtteranceRecogniser):
            self._recogniser.finish(output.states[0])
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch that is running, drop what waits, and end the worker."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def open(self, on_outcome: Callable[[Outcome], None]) -> Ticket:
        """Announce an utterance; each of its blocks gets one call of ``on_outcome``.

        An :class:`IntoneError` is the last call: the utterance's later blocks are dropped.
        """
        ticket = Ticket(on_outcome, np.zeros(self._recogniser.card.state_size, np.float32))
        with self._changed:
            self._expected.add(ticket)
        return ticket

    @property
    def answers_at_end(self) -> bool:
        """Whether the model answers once, when asked by :meth:`finish`."""
        return self._recogniser.card.answers_at_end

    def submit(self, ticket: Ticket, window: FloatArray) -> None:
        """Queue the utterance's next block, float32 (card.shape.window,)."""
        self._queue(ticket, window)

    def finish(self, ticket: Ticket) -> None:
        """End the utterance of a model that answers at the end: one more outcome comes."""
        self._queue(ticket, None)
        self.end(ticket)

    def _queue(self, ticket: Ticket, window: FloatArray | None) -> None:
        with self._changed:
            if ticket.is_dropped:
                return
            block = Block(window, time.monotonic())
            ticket.blocks.append(block)
            self._arrivals.append(block)
            self._make_ready(ticket)
            self._changed.notify()

    def end(self, ticket: Ticket) -> None:
        """Say that no further block comes; what waits is still answered."""
        with self._changed:
            ticket.is_ended = True
            self._forget_if_idle(ticket)
            # One fewer to wait for may complete a batch.
            self._changed.notify()

    def drop(self, ticket: Ticket) -> None:
        """Forget the utterance: what waits is not answered."""
        with self._changed:
            self._drop(ticket)
            self._changed.notify()

    @property
    def block_samples(self) -> int:
        """Samples by which one block advances an utterance."""
        return self._recogniser.card.shape.advance

    @property
    def backlog_s(self) -> float:
        """How far behind live the engine is: the age of the oldest waiting block.

        Live audio comes at one second a second, so this is also the audio that waits for
        it; unlike a sum of audio it is not moved by one client's burst that is soon done.
        """
        with self._changed:
            self._forget_answered()
            return time.monotonic() - self._arrivals[0].arrived_s if self._arrivals else 0.0

    # --- the worker's side -------------------------------------------------------------

    def _run(self) -> None:
        while self._run_batch():
            pass

    def _run_batch(self) -> bool:
        # In a function of its own: an idle worker holds on to no utterance.
        batch = self._take()
        if batch is None:
            return False
        started_s = time.monotonic()
        outcomes = self._answer(batch) if batch.tickets else []
        self._settle(batch, outcomes, started_s, time.monotonic() - started_s)
        return True

    def _take(self) -> Batch | None:
        with self._changed:
            while not (self._ready or self._is_stopped):
                self._changed.wait()
            self._wait_for_company()
            if self._is_stopped:
                return None
            batch = Batch([], [], [])
            oldest_s = time.monotonic() - self._settings.discard_backlog_s
            while self._ready and len(batch.tickets) < self._settings.max_batch:
                ticket = self._ready.popleft()
                ticket.is_ready = False
                if ticket.is_dropped:
                    continue
                if batch.tickets and ticket.blocks[0].window is None:
                    # One utterance's answer takes as long as many blocks: it goes alone.
                    self._make_ready(ticket, is_next=True)
                    break
                if ticket.blocks[0].arrived_s < oldest_s:
                    self._drop(ticket)
                    batch.late.append(ticket)
                    continue
                block = ticket.blocks.popleft()
                block.is_waiting = False
                ticket.is_busy = True
                batch.tickets.append(ticket)
                batch.blocks.append(block)
                if block.window is None:
                    break
            self._forget_answered()
            return batch

    def _wait_for_company(self) -> None:
        if not self._ready or not self._ready[0].blocks:
            return
        until_s = self._ready[0].blocks[0].arrived_s + self._settings.max_wait_ms / 1_000
        while not self._is_complete():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            self._changed.wait(left_s)

    def _is_complete(self) -> bool:
        """A full batch is ready, or everyone who may still send a block has."""
        wanted = min(self._settings.max_batch, len(self._expected))
        # An end goes alone. The head has a block for certain: who drops it takes it off here.
        head = self._ready[0].blocks
        is_end = bool(head) and head[0].window is None
        return self._is_stopped or is_end or len(self._ready) >= wanted

    def _answer(self, batch: Batch) -> list[Outcome]:
        try:
            return self._finish(batch) if batch.is_end else self._step(batch)
        except Exception:  # whatever a model raises, its waiters are answered
            name = self._recogniser.card.name
            log.exception("model %s failed on a batch of %d", name, len(batch.tickets))
            return [RecogniserFailed(f"the model {name} failed") for _ in batch.tickets]

    def _step(self, batch: Batch) -> list[Outcome]:
        windows = np.stack([block.window for block in batch.blocks if block.window is not None])
        output = self._recogniser.step(windows, [ticket.state for ticket in batch.tickets])
        for ticket, state in zip(batch.tickets, output.states, strict=True):
            ticket.state = state
        return list(output.scores)

    def _finish(self, batch: Batch) -> list[Outcome]:
        # Only such a model's utterances are asked to finish.
        assert isinstance(self._recogniser, UtteranceRecogniser)
        return [self._recogniser.finish(ticket.state) for ticket in batch.tickets]

    def _settle(
        self, batch: Batch, outcomes: list[Outcome], started_s: float, inference_s: float
    ) -> None:
        answers: list[tuple[Ticket, Outcome]] = [
            (ticket, Overloaded("the engine was too far behind")) for ticket in batch.late
        ]
        with self._changed:
            for ticket, outcome in zip(batch.tickets, outcomes, strict=True):
                ticket.is_busy = False
                if ticket.is_dropped:
                    continue
                answers.append((ticket, outcome))
                if isinstance(outcome, IntoneError):
                    self._drop(ticket)
                else:
                    self._make_ready(ticket)
                    self._forget_if_idle(ticket)
        waits_s = [started_s - block.arrived_s for block in batch.blocks]
        self._post(lambda: self._deliver(answers, waits_s, inference_s))

    def _deliver(
        self, answers: list[tuple[Ticket, Outcome]], waits_s: list[float], inference_s: float
    ) -> None:
        if waits_s:
            self._observer.batch_done(waits_s, inference_s)
        for ticket, outcome in answers:
            ticket.on_outcome(outcome)

    # --- under the lock ----------------------------------------------------------------

    def _forget_answered(self) -> None:
        while self._arrivals and not self._arrivals[0].is_waiting:
            self._arrivals.popleft()

    def _make_ready(self, ticket: Ticket, *, is_next: bool = False) -> None:
        if ticket.blocks and not ticket.is_ready and not ticket.is_busy:
            ticket.is_ready = True
            if is_next:
                self._ready.appendleft(ticket)
            else:
                self._ready.append(ticket)

    def _drop(self, ticket: Ticket) -> None:
        ticket.is_dropped = True
        for block in ticket.blocks:
            block.is_waiting = False
        ticket.blocks.clear()
        self._expected.discard(ticket)

    def _forget_if_idle(self, ticket: Ticket) -> None:
        if ticket.is_ended and not ticket.blocks and not ticket.is_busy:
            self._expected.discard(ticket)
