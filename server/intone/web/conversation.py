"""A session without its socket: commands in, messages out, and the counts of both."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from intone.core.answers import Answers
from intone.core.card import endpointer_for
from intone.core.front_end import FrontEnd
from intone.engine.live import LiveSession
from intone.errors import ConfigAfterAudio, IntoneError, InvalidAudioFrame, NotConfigured
from intone.models import Model
from intone.types import (
    AudioFormat,
    DiscardReason,
    Event,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
)
from intone.web import translate, wire
from intone.web.config import Negotiation, SessionConfig
from intone.web.rate import RateLimiter
from intone.web.server import Server

log = logging.getLogger(__name__)

_COUNT_EVERY_S = 1.0
"""Audio after which the metric is told: a counter costs as much as reading a message."""

Say = Callable[[wire.ServerMessage], None]


class Conversation:
    """Does what commands ask, and says what comes of it. Called on the event loop only."""

    def __init__(
        self,
        server: Server,
        session_id: str,
        protocol: str,
        say: Say,
        on_progress: Callable[[], None],
        on_fault: Callable[[], None],
    ) -> None:
        limits = server.settings.limits
        self._server = server
        self._session_id = session_id
        self._say = say
        self._on_progress = on_progress
        self._on_fault = on_fault
        self._unheard: list[bytes] = []
        self._missing_bytes = 0
        """Still to come before hearing what is unheard brings an event: until then messages are
        kept, since three of them together cost little more than one."""
        self._is_due = False
        self._is_broken = False
        """By a fault of ours: what still comes before the session ends is not heard."""
        self._bytes_before_fault = 0
        self._unheard_since_s = 0.0
        self._uncounted_s = 0.0
        self._limits = limits
        self._received_s = server.metrics.audio_received.labels(protocol)
        defaults = server.settings.session
        self._negotiation = Negotiation(server.default_model, defaults.interim_ms, server.store)
        self._rate = RateLimiter(limits.max_rate, limits.max_rate_burst_s, time.monotonic())
        self._live: LiveSession | None = None
        self._source: dict[str, object] = {}
        self.utterances = 0
        self.interims = 0
        self.discarded = 0

    @property
    def config(self) -> SessionConfig:
        """What is agreed on."""
        return self._negotiation.config

    @property
    def received_bytes(self) -> int:
        """Audio taken so far."""
        return self._live.received_bytes if self._live else self._bytes_before_fault

    @property
    def received_ms(self) -> int:
        """Audio taken so far."""
        return self.received_bytes * 1_000 // self.config.audio.bytes_per_second

    @property
    def lag_ms(self) -> int:
        """Audio taken since the start of the oldest block not yet scored."""
        return self._live.lag_ms if self._live else 0

    @property
    def is_gathering(self) -> bool:
        """Whether audio waits to be heard with what comes next."""
        return bool(self._unheard)

    @property
    def is_settled(self) -> bool:
        """Whether everything that was heard has been told."""
        return self._live is None or self._live.is_settled

    # --- commands ----------------------------------------------------------------------

    def begin(self, wishes: Mapping[str, object]) -> None:
        """Say what of ``wishes`` is refused, then the configuration in effect."""
        for error in self._negotiation.apply(wishes, all_or_nothing=False):
            self.tell_error(error)
        model = self._model
        self._say(
            wire.SessionCreated(
                protocol=wire.PROTOCOL,
                session_id=self._session_id,
                audio=translate.audio(self.config.audio),
                model=translate.model(model),
                interim_ms=translate.interim_ms(model, self.config.interim_ms),
                limits=translate.limits(self._limits),
            )
        )

    def take(self, command: wire.ClientMessage) -> None:
        """Do what a command asks; raise the :class:`IntoneError` that refuses it."""
        self._hear()
        if isinstance(command, wire.SessionUpdate):
            self._update(command)
        elif isinstance(command, wire.Ping):
            self._pong(command)
        elif isinstance(command, wire.Flush) and self._live:
            self._live.flush()
            # The next utterance may begin before the one that ran could have ended.
            self._missing_bytes = self._live.missing_bytes
        # What else there is, a token, has been checked by now, or is not asked for.

    def refuse(self, error: IntoneError) -> None:
        """Say that a message was refused; the session goes on."""
        self._hear()
        if self._live is None:
            self._negotiation.refuse_update(error)
        self.tell_error(error)

    def tell_error(self, error: IntoneError) -> None:
        """Say and count an error."""
        self._server.metrics.error(error)
        self._say(translate.error(error))

    def finish(self) -> None:
        """End the audio; the last results come as the engine gives them."""
        self._hear()
        if self._live:
            self._live.finish()

    def abandon(self, reason: DiscardReason) -> None:
        """Say of every utterance that is not ended that it is discarded."""
        self._unheard.clear()
        if self._live:
            self._live.abandon(reason)

    def forget(self) -> None:
        """Let the audio go, which what refers to this would keep until the collector comes by."""
        self._live = None

    def closed(self, reason: str) -> None:
        """Say the last word."""
        self._count_audio()
        self._say(
            wire.SessionClosed(
                reason=reason,
                received=wire.Received(audio_ms=self.received_ms, bytes=self.received_bytes),
                produced=wire.Produced(
                    utterances=self.utterances, interims=self.interims, discarded=self.discarded
                ),
            )
        )

    def _update(self, update: wire.SessionUpdate) -> None:
        if self._live:
            raise ConfigAfterAudio("the configuration cannot change after the first audio")
        wishes = translate.wishes(update)
        errors = self._negotiation.apply(wishes, all_or_nothing=True)
        if errors:
            for error in errors:
                self.tell_error(error)
            return
        self._source = translate.source(update) or self._source
        model = self._model
        self._say(
            wire.SessionUpdated(
                audio=translate.audio(self.config.audio),
                model=translate.model(model),
                interim_ms=translate.interim_ms(model, self.config.interim_ms),
            )
        )

    @property
    def _model(self) -> Model:
        return self._server.store[self.config.model]

    def _pong(self, ping: wire.Ping) -> None:
        self._say(wire.Pong(marker=ping.marker, received_ms=self.received_ms, lag_ms=self.lag_ms))

    def accept(self, data: bytes) -> None:
        """Take audio; raise the :class:`IntoneError` that refuses it."""
        audio = self.config.audio
        if (needs := self._negotiation.needs) is not None:
            raise NotConfigured(needs)
        size = len(data)
        if not size or size % audio.bytes_per_tick or size > self._most_bytes(audio):
            raise self._refusal(data, audio)
        duration_s, now_s = size / audio.bytes_per_second, time.monotonic()
        self._rate.take(duration_s, now_s)
        self._uncounted_s += duration_s
        self._unheard.append(data)
        self._missing_bytes -= size
        if self._missing_bytes <= 0 and not self._is_due:
            self._is_due = True
            self._unheard_since_s = now_s
            self._server.rounds.join(self._hear)

    def _hear(self) -> None:
        """Hear what was accepted; nothing else may happen to the session before."""
        was_due, self._is_due = self._is_due, False
        if not self._unheard or self._is_broken:
            return
        if not was_due:
            self._unheard_since_s = time.monotonic()
        data = b"".join(self._unheard)
        self._unheard.clear()
        if self._uncounted_s >= _COUNT_EVERY_S:
            self._count_audio()
        try:
            if self._live is None:
                self._live = self._new_live(self.config)
                # Once: a client may have said it as often as it liked.
                if self._source:
                    log.info("audio source", extra={"session_id": self._session_id, **self._source})
            self._live.feed(data, self._unheard_since_s)
            self._missing_bytes = self._live.missing_bytes
        except Exception:  # it must not reach the round's other sessions
            log.exception("session failed", extra={"session_id": self._session_id})
            self.abandon(DiscardReason.FAILED)
            self._bytes_before_fault = self.received_bytes
            self._live, self._is_broken = None, True
            self._on_fault()

    def _count_audio(self) -> None:
        self._received_s.inc(self._uncounted_s)
        self._uncounted_s = 0.0

    def _most_bytes(self, audio: AudioFormat) -> float:
        return self._limits.longest_frame_s * audio.bytes_per_second

    def _refusal(self, data: bytes, audio: AudioFormat) -> InvalidAudioFrame:
        if not data:
            return InvalidAudioFrame("a binary message holds audio; this one is empty")
        if len(data) % audio.bytes_per_tick:
            return InvalidAudioFrame(
                f"{len(data)} bytes are not whole samples of {audio.bytes_per_tick} bytes "
                f"({audio.channels} x {audio.encoding.value})"
            )
        return InvalidAudioFrame(
            f"a binary message may hold {self._limits.longest_frame_s:g} s of audio, "
            f"not {len(data) / audio.bytes_per_second:.1f} s"
        )

    # --- events ------------------------------------------------------------------------

    def _new_live(self, config: SessionConfig) -> LiveSession:
        server, card = self._server, self._model.card
        endpointer = endpointer_for(card, server.settings.endpointer)
        return LiveSession(
            config.audio,
            FrontEnd(config.audio, endpointer, server.make_detector, card.shape),
            server.engine(config.model),
            Answers(card, config.interim_ms, self._model.interim_card),
            emit=self._tell,
            on_progress=self._on_progress,
            interims_allowed=server.interims_allowed,
        )

    def _tell(self, happened: Event | IntoneError, arrived_s: float) -> None:
        if isinstance(happened, IntoneError):
            self.tell_error(happened)
            return
        self._server.publish(self._session_id, happened)
        latency_s = None
        if isinstance(happened, UtteranceResult):
            latency_s = time.monotonic() - arrived_s
            self._server.metrics.result_latency.observe(latency_s)
            self.utterances += 1
        self.interims += isinstance(happened, UtteranceInterim)
        self.discarded += isinstance(happened, UtteranceDiscarded)
        self._say(translate.event(happened, latency_s))
