"""One session on the engine: bytes in, events out, in the order of the synchronous Session."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from intone.core.answers import Answers
from intone.core.front_end import FrontEnd
from intone.engine.batch import Outcome, Ticket
from intone.engine.engine import Engine
from intone.errors import IntoneError, RecogniserFailed
from intone.types import (
    AudioFormat,
    DiscardReason,
    Event,
    Hop,
    Scores,
    SpeechBlock,
    SpeechEnded,
    SpeechStarted,
    to_ms,
    to_samples,
)

_MOST_AT_ONCE = to_samples(500)
"""Audio to gather where settings would have more: a burst of work that its neighbours wait for."""

Emit = Callable[[Event | RecogniserFailed, float], None]
"""Takes what happened, and when (``time.monotonic``) the audio that caused it arrived."""


@dataclass(slots=True, eq=False)
class _Utterance:
    """A running utterance, and what of it the engine has not answered."""

    start: SpeechStarted
    end_sample: int
    """Cut into blocks, or ended, up to here."""
    ticket: Ticket | None = None
    unanswered: deque[_Entry] = field(default_factory=deque)
    failure: IntoneError | None = None
    is_told: bool = False
    """The client was told that it is over."""
    interim_sample: float = math.inf
    """Heard up to here, it may bring an interim; nothing before does."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A hop that waits for its turn to be told."""

    hop: Hop
    utterance: _Utterance
    arrived_s: float
    is_waiting: bool = False
    """For the engine's outcome: a block, or an end that asks for the answer."""
    scores: Scores | None = None


class LiveSession:
    """Feeds the engine and tells the events strictly in hop order.

    A result waits until every block before it has been scored, so neither batching nor
    what other sessions do can change the sequence. Called by the engine's owner thread only.
    """

    def __init__(
        self,
        audio: AudioFormat,
        front_end: FrontEnd,
        engine: Engine,
        answers: Answers,
        *,
        emit: Emit,
        on_progress: Callable[[], None],
        interims_allowed: Callable[[float], bool],
    ) -> None:
        """Make a session.

        ``on_progress`` is called whenever the engine has answered something;
        ``interims_allowed`` is asked when an interim is due, so many seconds after its audio came.
        """
        self._audio = audio
        self._front_end = front_end
        self._engine = engine
        self._answers = answers
        self._emit = emit
        self._on_progress = on_progress
        self._interims_allowed = interims_allowed
        self._queue: deque[_Entry] = deque()
        self._running: dict[int, _Utterance] = {}
        self.received_bytes = 0

    @property
    def received_ms(self) -> int:
        """Audio taken so far."""
        return self.received_bytes * 1_000 // self._audio.bytes_per_second

    @property
    def lag_ms(self) -> int:
        """Audio taken since the start of the oldest block, or the end, that is not answered."""
        if not self._queue:
            return 0
        oldest = self._queue[0].hop
        # Only what the engine has not answered keeps its place at the head.
        assert isinstance(oldest, SpeechBlock | SpeechEnded)
        since = oldest.end_sample
        if isinstance(oldest, SpeechBlock):
            since -= self._engine.shape.advance
        return max(self.received_ms - to_ms(since), 0)

    @property
    def missing_bytes(self) -> int:
        """Further bytes that may as well be fed together: no event comes earlier one by one.

        A block before an utterance can end it is time to feed what there is, so that its result
        waits for the last block alone.
        """
        front_end, block_samples = self._front_end, self._engine.shape.advance
        heard, change = front_end.heard_samples, front_end.next_change_sample
        if self._running and change - heard > block_samples:
            change -= block_samples
        interims = [utterance.interim_sample for utterance in self._running.values()]
        due = min(change, heard + _MOST_AT_ONCE, *interims)
        return front_end.missing_bytes(int(due))

    @property
    def is_settled(self) -> bool:
        """Whether everything that was heard has been told."""
        return not self._queue

    def feed(self, data: bytes, arrived_s: float | None = None) -> None:
        """Take any number of bytes, which came at ``arrived_s``, or now."""
        self.received_bytes += len(data)
        self._follow(self._front_end.feed(data), arrived_s)

    def flush(self) -> None:
        """End the running utterances where the audio so far does; the stream goes on."""
        self._follow(self._front_end.flush())

    def finish(self) -> None:
        """End the stream; once settled, every utterance has been told its end."""
        self._follow(self._front_end.finish())

    def abandon(self, reason: DiscardReason) -> None:
        """Tell every utterance that is not told its end that it is discarded, now."""
        waiting, self._queue = list(self._queue), deque()
        for utterance in self._running.values():
            if utterance.ticket is not None:
                self._engine.drop(utterance.ticket)
        for entry in waiting:
            if isinstance(entry.hop, SpeechStarted):
                self._emit(self._answers.started(entry.hop), entry.arrived_s)
        now_s = time.monotonic()
        for utterance in self._running.values():
            if not utterance.is_told:
                self._discard(utterance, utterance.end_sample, reason, now_s)
        for utterance in list(self._running.values()):
            self._forget(utterance)

    # --- hops in -----------------------------------------------------------------------

    def _follow(self, hops: list[Hop], arrived_s: float | None = None) -> None:
        if arrived_s is None:
            arrived_s = time.monotonic()
        for hop in hops:
            if isinstance(hop, SpeechStarted):
                self._open(hop)
                utterance = self._running[hop.utterance_id]
            else:
                utterance = self._running[hop.utterance_id]
                utterance.end_sample = hop.end_sample
            utterance.interim_sample = self._interim_sample(hop)
            entry = _Entry(hop, utterance, arrived_s)
            self._queue.append(entry)
            self._submit(entry)
        self._tell_ready()

    def _open(self, start: SpeechStarted) -> None:
        utterance = _Utterance(start, start.start_sample)
        utterance.ticket = self._engine.open(lambda outcome: self._answer(utterance, outcome))
        self._running[start.utterance_id] = utterance

    def _interim_sample(self, hop: Hop) -> float:
        """Up to where the next interim of ``hop``'s utterance must be heard."""
        cut_samples, is_confirmed = 0, False
        if isinstance(hop, SpeechBlock):
            cut_samples, is_confirmed = hop.end_sample - hop.start_sample, hop.is_confirmed
        elif not isinstance(hop, SpeechStarted):
            return math.inf
        due = self._answers.next_interim_samples(cut_samples, is_confirmed=is_confirmed)
        return math.inf if due is None else hop.start_sample + self._engine.shape.needed_for(due)

    def _submit(self, entry: _Entry) -> None:
        utterance, hop, ticket = entry.utterance, entry.hop, entry.utterance.ticket
        if ticket is None or isinstance(hop, SpeechStarted):
            return
        asks_for_answer = isinstance(hop, SpeechEnded) and self._engine.answers_at_end
        if not isinstance(hop, SpeechBlock) and not asks_for_answer:
            self._engine.end(ticket)
            return
        entry.is_waiting = True
        if utterance.failure is not None:
            return
        utterance.unanswered.append(entry)
        if isinstance(hop, SpeechBlock):
            self._engine.submit(ticket, hop.window)
        else:
            self._engine.finish(ticket)

    def _forget(self, utterance: _Utterance) -> None:
        """Part what refers to each other: windows and states would wait for the collector."""
        del self._running[utterance.start.utterance_id]
        utterance.ticket = None
        utterance.unanswered.clear()

    # --- outcomes in -------------------------------------------------------------------

    def _answer(self, utterance: _Utterance, outcome: Outcome) -> None:
        # An outcome may be under way to a session that was just abandoned.
        if utterance.start.utterance_id not in self._running:
            return
        if isinstance(outcome, IntoneError):
            utterance.failure = outcome
            utterance.unanswered.clear()
        else:
            entry = utterance.unanswered.popleft()
            entry.is_waiting, entry.scores = False, outcome
        self._tell_ready()
        self._on_progress()

    # --- events out --------------------------------------------------------------------

    def _tell_ready(self) -> None:
        while self._queue:
            entry = self._queue[0]
            if entry.is_waiting and entry.utterance.failure is None:
                return
            self._queue.popleft()
            if entry.is_waiting:
                self._tell_failure(entry)
            else:
                self._tell(entry)

    def _tell(self, entry: _Entry) -> None:
        hop, utterance = entry.hop, entry.utterance
        if isinstance(hop, SpeechStarted):
            self._emit(self._answers.started(hop), entry.arrived_s)
        elif isinstance(hop, SpeechBlock):
            self._tell_interim(hop, entry)
        else:
            self._forget(utterance)
            if utterance.is_told:
                return
            if isinstance(hop, SpeechEnded):
                self._emit(self._answers.ended(hop, entry.scores), entry.arrived_s)
            else:
                self._discard(utterance, hop.end_sample, hop.reason, entry.arrived_s)

    def _tell_interim(self, block: SpeechBlock, entry: _Entry) -> None:
        interim = self._answers.scored(block, entry.scores)
        if interim is not None and self._interims_allowed(time.monotonic() - entry.arrived_s):
            self._emit(interim, entry.arrived_s)

    def _tell_failure(self, entry: _Entry) -> None:
        utterance, hop = entry.utterance, entry.hop
        assert isinstance(hop, SpeechBlock | SpeechEnded)
        if isinstance(hop, SpeechEnded):
            self._forget(utterance)
        if utterance.is_told:
            return
        reason = DiscardReason.OVERLOADED
        if isinstance(utterance.failure, RecogniserFailed):
            reason = DiscardReason.FAILED
            self._emit(utterance.failure, entry.arrived_s)
        self._discard(utterance, hop.end_sample, reason, entry.arrived_s)

    def _discard(
        self,
        utterance: _Utterance,
        end_sample: int,
        reason: DiscardReason,
        arrived_s: float,
    ) -> None:
        utterance.is_told = True
        start = utterance.start
        discarded = self._answers.discarded(
            start.utterance_id, start.channel, start.start_sample, end_sample, reason
        )
        self._emit(discarded, arrived_s)
