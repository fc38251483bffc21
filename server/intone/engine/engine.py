"""Batches the blocks of all live utterances into few model calls.

A block depends on the state that the utterance's previous block left, so a batch holds at
most one block of each utterance. What goes into a batch is decided on the owner's thread, so
that there is nothing to lock: the worker is woken once a batch, and so is the owner.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from intone.core.recogniser import Recogniser, UtteranceRecogniser, checked_finish, checked_step
from intone.engine.batch import Batch, Block, Outcome, Ticket, Waiting
from intone.engine.warm_up import warm_up
from intone.engine.worker import OwnWorker, Post, ThreadWorker, Worker
from intone.errors import IntoneError, Overloaded, RecogniserFailed
from intone.settings import EngineSettings
from intone.types import FloatArray

log = logging.getLogger(__name__)

CallLater = Callable[[float, Callable[[], None]], object]
"""Runs a callable on the owner's thread after so many seconds: ``loop.call_later``."""


class EngineObserver(Protocol):
    """Told of every batch, on the owner's thread."""

    def batch_done(self, waits_s: Sequence[float], inference_s: float) -> None:
        """``waits_s`` is how long each block waited, ``inference_s`` the model call's time."""
        ...


class Engine:
    """The model calls of one recogniser.

    All methods are called by one owner thread, but for :meth:`start` and :meth:`stop`, which
    take time and for which any thread will do. Outcomes come back on the owner's thread,
    through ``post``, in the order in which the blocks of an utterance were submitted.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        settings: EngineSettings,
        post: Post,
        call_later: CallLater,
        observer: EngineObserver,
    ) -> None:
        self._recogniser = recogniser
        self.shape = recogniser.card.shape
        """Of each block."""
        self._settings = settings
        self._post = post
        self._call_later = call_later
        self._observer = observer
        self._worker: Worker = OwnWorker(post)
        self._ready = Waiting()
        self._expected: set[Ticket] = set()
        self._is_busy = False
        self._is_waiting_for_company = False
        self._is_stopped = False

    def start(self, warm_batch: int | None = None) -> None:
        """Run the model once at every size it will meet, and give it a thread if it is slow.

        Or up to ``warm_batch`` only: each size keeps memory, and larger ones cost those who come
        first some milliseconds once.
        """
        largest = self._settings.max_batch
        warm_batch = min(warm_batch or largest, largest)
        step_s = warm_up(self._recogniser, warm_batch) * largest / warm_batch
        is_quick = step_s <= self._settings.own_thread_ms / 1_000
        if self.answers_at_end or not is_quick:
            self._worker = ThreadWorker(f"intone-engine-{self._recogniser.card.name}", self._post)
        self._worker.start()

    def stop(self) -> None:
        """Finish the batch that is running, drop what waits, and end the worker."""
        self._is_stopped = True
        self._worker.stop()

    # --- utterances --------------------------------------------------------------------

    def open(self, on_outcome: Callable[[Outcome], None]) -> Ticket:
        """Announce an utterance; each of its blocks gets one call of ``on_outcome``.

        An :class:`IntoneError` is the last call: the utterance's later blocks are dropped.
        """
        ticket = Ticket(on_outcome, np.zeros(self._recogniser.card.state_size, np.float32))
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

    def end(self, ticket: Ticket) -> None:
        """Say that no further block comes; what waits is still answered."""
        ticket.is_ended = True
        self._forget_if_idle(ticket)
        # One fewer to wait for may complete a batch.
        self._consider()

    def drop(self, ticket: Ticket) -> None:
        """Forget the utterance: what waits is not answered."""
        self._drop(ticket)
        self._consider()

    def hurry(self) -> bool:
        """Wait for no further company; say whether the owner's thread has a batch to do."""
        if self._ready and not self._is_busy and not self._is_stopped:
            self._send()
        return self._is_busy and self._worker.is_owner

    @property
    def backlog_s(self) -> float:
        """How far behind live the engine is: the age of the oldest waiting block.

        Live audio comes at one second a second, so this is also the audio that waits for
        it; unlike a sum of audio it is not moved by one client's burst that is soon done.
        """
        return max(time.monotonic() - self._ready.oldest_arrived_s, 0.0)

    # --- batches out -------------------------------------------------------------------

    def _consider(self) -> None:
        """Send the next batch, unless one is under way or company is worth waiting for."""
        if self._is_busy or self._is_stopped or not self._ready:
            return
        wait_s = 0.0 if self._is_complete() else self._wait_s()
        if wait_s <= 0:
            self._send()
        elif not self._is_waiting_for_company:
            self._is_waiting_for_company = True
            self._call_later(wait_s, self._waited)

    def _waited(self) -> None:
        self._is_waiting_for_company = False
        self._consider()

    def _wait_s(self) -> float:
        """How long the block that came first has still to wait.

        A call costs much and a block in it little, so the more utterances there are, the more
        a call should hold; where they are few, nobody need wait for what saves little.
        """
        share = min(len(self._expected) / self._settings.max_batch, 1.0)
        until_s = self._ready.oldest_arrived_s + share * self._settings.max_wait_ms / 1_000
        return until_s - time.monotonic()

    def _is_complete(self) -> bool:
        """A full batch is ready, or everyone who may still send a block has."""
        wanted = min(self._settings.max_batch, len(self._expected))
        # An end goes alone.
        is_end = self._ready.head.blocks[0].window is None
        return is_end or len(self._ready) >= wanted

    def _send(self) -> None:
        batch = self._take()
        self._ready.forget_taken()
        if batch.late:
            late = Overloaded("the engine was too far behind")
            # Not from here: who submits a block does not expect answers meanwhile.
            self._post(lambda: self._deliver([(ticket, late) for ticket in batch.late]))
        if batch.tickets:
            self._is_busy = True
            self._worker.do(lambda: self._answered(batch))

    def _take(self) -> Batch:
        batch = Batch([], [], [])
        while self._ready and not batch.tickets:
            self._ready.fill(batch, self._settings.max_batch)
            oldest_s = time.monotonic() - self._settings.discard_backlog_s
            for ticket in self._ready.take_late(batch, oldest_s):
                self._drop(ticket)
                batch.late.append(ticket)
        for ticket in batch.tickets:
            block = ticket.blocks.popleft()
            block.is_waiting = False
            ticket.is_busy = True
            batch.blocks.append(block)
        return batch

    # --- the worker's jobs -------------------------------------------------------------

    def _answered(self, batch: Batch) -> Callable[[], None]:
        started_s = time.monotonic()
        outcomes = self._answer(batch)
        inference_s = time.monotonic() - started_s
        return lambda: self._settle(batch, outcomes, started_s, inference_s)

    def _answer(self, batch: Batch) -> list[Outcome]:
        try:
            return self._finish(batch) if batch.is_end else self._step(batch)
        except Exception:  # whatever a model raises, its waiters are answered
            name, size = self._recogniser.card.name, len(batch.tickets)
            log.exception("model %s failed on a batch of %d", name, size)
            if size == 1:
                return [RecogniserFailed(f"the model {name} failed")]
        # By whose block it was, the others are not to know.
        return [outcome for one in batch.one_by_one() for outcome in self._answer(one)]

    def _step(self, batch: Batch) -> list[Outcome]:
        windows = np.stack([block.window for block in batch.blocks if block.window is not None])
        states = [ticket.state for ticket in batch.tickets]
        output = checked_step(self._recogniser, windows, states)
        for ticket, state in zip(batch.tickets, output.states, strict=True):
            ticket.state = state
        return list(output.scores)

    def _finish(self, batch: Batch) -> list[Outcome]:
        # Only such a model's utterances are asked to finish.
        assert isinstance(self._recogniser, UtteranceRecogniser)
        return [checked_finish(self._recogniser, ticket.state) for ticket in batch.tickets]

    # --- answers in --------------------------------------------------------------------

    def _settle(
        self, batch: Batch, outcomes: list[Outcome], started_s: float, inference_s: float
    ) -> None:
        self._is_busy = False
        answers: list[tuple[Ticket, Outcome]] = []
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
        for block in batch.blocks:
            block.let_go()
        # The worker goes on while its answers are told.
        self._consider()
        self._deliver(answers)
        self._observer.batch_done(waits_s, inference_s)

    def _deliver(self, answers: Sequence[tuple[Ticket, Outcome]]) -> None:
        for ticket, outcome in answers:
            try:
                ticket.on_outcome(outcome)
            except Exception:  # whatever one of them raises, the others are told
                log.exception("an answer of %s could not be told", self._recogniser.card.name)

    # --- who waits ---------------------------------------------------------------------

    def _queue(self, ticket: Ticket, window: FloatArray | None) -> None:
        if ticket.is_dropped:
            return
        block = Block(window, time.monotonic())
        ticket.blocks.append(block)
        self._ready.note_arrival(block)
        self._make_ready(ticket)
        self._consider()

    def _make_ready(self, ticket: Ticket) -> None:
        if ticket.blocks and not ticket.is_ready and not ticket.is_busy:
            ticket.is_ready = True
            self._ready.push(ticket)

    def _drop(self, ticket: Ticket) -> None:
        ticket.is_dropped = True
        for block in ticket.blocks:
            block.let_go()
        ticket.blocks.clear()
        self._expected.discard(ticket)
        if ticket.is_ready:
            ticket.is_ready = False
            self._ready.remove(ticket)

    def _forget_if_idle(self, ticket: Ticket) -> None:
        if ticket.is_ended and not ticket.blocks and not ticket.is_busy:
            self._expected.discard(ticket)
