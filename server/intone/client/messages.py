"""The wire's messages to a client's events."""

from __future__ import annotations

import msgspec

from intone.client.events import (
    Limits,
    Pong,
    ServerError,
    SessionClosed,
    SessionCreated,
    error_class,
)
from intone.errors import IntoneError, InvalidMessage
from intone.types import (
    AudioFormat,
    Decision,
    DiscardReason,
    Encoding,
    EndReason,
    Event,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)
from intone.web import codec, wire

Received = Event | SessionCreated | SessionClosed | ServerError | tuple[str, Pong]
"""A pong comes with its marker."""

FLUSH = codec.encode(wire.Flush())
SESSION_CLOSE = codec.encode(wire.SessionClose())


def encode_ping(marker: str) -> str:
    """Return the text of a ping."""
    return codec.encode(wire.Ping(marker=marker))


def decode(text: str) -> Received | None:
    """Return what a server's message says; None for a type this version does not know.

    Raises :class:`InvalidMessage` for anything that is not the protocol's.
    """
    message = codec.decode_server(text)
    try:
        return _utterance_event(message) or _session_event(message)
    except ValueError as error:
        raise InvalidMessage(f"the server's message makes no sense: {error}") from error


def decode_refusal(body: bytes) -> IntoneError | None:
    """Return the error that the body of an HTTP answer speaks of; None if it is not intone's."""
    try:
        detail = msgspec.json.decode(body, type=wire.ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return error_class(detail.code)(detail.message)


def _session_event(message: wire.ServerMessage | None) -> Received | None:
    match message:
        case wire.SessionCreated():
            return _created(message)
        case wire.SessionClosed():
            received, produced = message.received, message.produced
            return SessionClosed(
                message.reason,
                received.audio_ms,
                received.bytes,
                produced.utterances,
                produced.interims,
                produced.discarded,
            )
        case wire.Error():
            return ServerError(message.code, message.message, message.retryable)
        case wire.Pong():
            return message.marker, Pong(message.received_ms, message.lag_ms)
        case _:
            return None


def _created(message: wire.SessionCreated) -> SessionCreated:
    audio, limits = message.audio, message.limits
    return SessionCreated(
        session_id=message.session_id,
        audio=AudioFormat(Encoding(audio.encoding), audio.sample_rate_hz, audio.channels),
        model=message.model.name,
        model_sha256=message.model.sha256,
        emotions=message.model.emotions,
        genders=message.model.genders,
        interim_ms=message.interim_ms,
        interim_model=_interim_model(message.model) if message.interim_ms else None,
        limits=Limits(
            limits.max_frame_ms,
            limits.max_message_bytes,
            limits.max_rate,
            limits.max_rate_burst_s,
            limits.max_session_s,
            limits.idle_timeout_s,
        ),
    )


def _interim_model(model: wire.Model) -> str:
    return model.name if model.interim_model is msgspec.UNSET else model.interim_model


def _utterance_event(message: wire.ServerMessage | None) -> Event | None:
    match message:
        case wire.Started():
            continues = _or_none(message.continues)
            return UtteranceStarted(
                message.utterance_id, message.channel, message.start_ms, continues
            )
        case wire.Interim():
            return UtteranceInterim(*_span(message), *_decisions(message))
        case wire.Result():
            return UtteranceResult(
                *_span(message),
                EndReason(message.reason),
                *_decisions(message),
                message.model,
                _or_none(message.continues),
                None if isinstance(message.latency_ms, msgspec.UnsetType) else message.latency_ms,
            )
        case wire.Discarded():
            return UtteranceDiscarded(*_span(message), DiscardReason(message.reason))
        case _:
            return None


def _span(message: wire.Interim | wire.Result | wire.Discarded) -> tuple[int, int, int, int]:
    return message.utterance_id, message.channel, message.start_ms, message.end_ms


def _decisions(message: wire.Interim | wire.Result) -> tuple[Decision, Decision]:
    return _decision(message.emotion), _decision(message.gender)


def _decision(answer: wire.Answer) -> Decision:
    return Decision(answer.label, answer.confidence, answer.scores)


def _or_none(number: int | msgspec.UnsetType) -> int | None:
    return None if isinstance(number, msgspec.UnsetType) else number
