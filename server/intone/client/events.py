"""What a client is told besides the utterances' own events."""

from __future__ import annotations

from dataclasses import dataclass

from intone.errors import IntoneError
from intone.types import AudioFormat, Event


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server allows a session."""

    max_frame_ms: int
    max_message_bytes: int
    max_rate: float
    """Sustained audio seconds a wall second."""
    max_rate_burst_s: float
    """Audio that may come at once before ``max_rate`` counts."""
    max_session_s: float
    idle_timeout_s: float


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The server listens, with this configuration."""

    session_id: str
    audio: AudioFormat
    model: str
    model_sha256: str
    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    interim_ms: int
    """0 where no interims come."""
    interim_model: str | None
    """The model that gives them; None where none come."""
    limits: Limits

    @property
    def most_message_bytes(self) -> int:
        """Most bytes of whole samples that one message may hold."""
        limits, audio = self.limits, self.audio
        most = min(limits.max_message_bytes, limits.max_frame_ms * audio.bytes_per_second // 1_000)
        return max(audio.bytes_per_tick, most - most % audio.bytes_per_tick)


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The session's end and its totals."""

    reason: str
    received_audio_ms: int
    received_bytes: int
    utterances: int
    interims: int
    discarded: int


def error_class(code: str) -> type[IntoneError]:
    """Return the class in :mod:`intone.errors` of ``code``; the base class for an unknown one."""
    return _classes().get(code, IntoneError)


def _classes() -> dict[str, type[IntoneError]]:
    found: list[type[IntoneError]] = [IntoneError, *IntoneError.__subclasses__()]
    return {cls.code: cls for cls in found}


@dataclass(frozen=True, slots=True)
class ServerError:
    """The server refused something."""

    code: str
    message: str
    retryable: bool

    def as_exception(self) -> IntoneError:
        """Return an exception of the class in :mod:`intone.errors` that has this code."""
        return error_class(self.code)(self.message)

    @property
    def is_fatal(self) -> bool:
        """Whether the server closes the connection after it, as far as this version knows."""
        known = _classes().get(self.code)
        return known is not None and known.close_code is not None


@dataclass(frozen=True, slots=True)
class Pong:
    """How far the server is."""

    received_ms: int
    """Audio it had received."""
    lag_ms: int
    """Audio it had received and not yet judged."""


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The connection is down; audio sent now is dropped, and counted."""

    reason: str
    tries: int
    delay_s: float
    """How long until the next try."""
    lost_utterances: tuple[int, ...]
    """Ids that had started and will have no result."""


@dataclass(frozen=True, slots=True)
class Reconnected:
    """A new session: ids and times start again from the beginning."""

    session: SessionCreated
    dropped_ms: int
    """Audio given to ``send`` that no server heard, since the connection went down."""


StreamEvent = Event | SessionCreated | SessionClosed | ServerError | Reconnecting | Reconnected
