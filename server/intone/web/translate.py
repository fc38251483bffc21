"""What happens inside, worded as the wire's messages. Translated here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from intone.errors import IntoneError
from intone.models import Model
from intone.settings import LimitSettings
from intone.types import (
    AudioFormat,
    Decision,
    Event,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)
from intone.web import wire


def audio(audio_format: AudioFormat) -> wire.Audio:
    """Word an audio format."""
    return wire.Audio(
        encoding=audio_format.encoding.value,
        sample_rate_hz=audio_format.sample_rate_hz,
        channels=audio_format.channels,
    )


def model(chosen: Model) -> wire.Model:
    """Word what a session needs to know of its model."""
    card = chosen.card
    return wire.Model(
        name=card.name,
        sha256=card.sha256,
        emotions=card.emotions,
        genders=card.genders,
        interims=chosen.interim_card is not None,
        interim_model=_interim_model(chosen),
    )


def interim_ms(chosen: Model, wished_ms: int) -> int:
    """Return the interval in effect: 0 where there are no interims."""
    return wished_ms if chosen.interim_card else 0


def _interim_model(chosen: Model) -> str | UnsetType:
    return chosen.interims.card.name if chosen.interims else UNSET


def model_entry(chosen: Model) -> wire.ModelEntry:
    """Word a model and its card."""
    card = chosen.card
    return wire.ModelEntry(
        name=card.name,
        kind=card.kind,
        description=card.description,
        emotions=card.emotions,
        genders=card.genders,
        sha256=card.sha256,
        accuracy=[msgspec.structs.asdict(figure) for figure in card.accuracy],
        licence=card.licence,
        intended_use=card.intended_use,
        interims=chosen.interim_card is not None,
        interim_model=_interim_model(chosen),
    )


def limits(settings: LimitSettings) -> wire.Limits:
    """Word what a session may send."""
    return wire.Limits(
        max_frame_ms=int(settings.longest_frame_s * 1_000),
        max_message_bytes=settings.max_message_bytes,
        max_rate=settings.max_rate,
        max_rate_burst_s=settings.max_rate_burst_s,
        max_session_s=settings.max_session_s,
        idle_timeout_s=settings.idle_timeout_s,
    )


def event(happened: Event, latency_s: float | None = None) -> wire.ServerMessage:
    """Word an event; ``latency_s`` goes with a result."""
    if isinstance(happened, UtteranceStarted):
        return wire.Started(
            utterance_id=happened.utterance_id,
            channel=happened.channel,
            start_ms=happened.start_ms,
            continues=_or_unset(happened.continues),
        )
    if isinstance(happened, UtteranceInterim):
        return wire.Interim(
            utterance_id=happened.utterance_id,
            channel=happened.channel,
            start_ms=happened.start_ms,
            end_ms=happened.end_ms,
            emotion=_answer(happened.emotion),
            gender=_answer(happened.gender),
        )
    if isinstance(happened, UtteranceResult):
        return result(happened, latency_s)
    return discarded(happened)


def discarded(happened: UtteranceDiscarded) -> wire.Discarded:
    """Word the end of an utterance without a result."""
    return wire.Discarded(
        utterance_id=happened.utterance_id,
        channel=happened.channel,
        start_ms=happened.start_ms,
        end_ms=happened.end_ms,
        reason=happened.reason.value,
    )


def result(happened: UtteranceResult, latency_s: float | None = None) -> wire.Result:
    """Word a result; an upload's has no latency."""
    return wire.Result(
        utterance_id=happened.utterance_id,
        channel=happened.channel,
        start_ms=happened.start_ms,
        end_ms=happened.end_ms,
        emotion=_answer(happened.emotion),
        gender=_answer(happened.gender),
        reason=happened.reason.value,
        continues=_or_unset(happened.continues),
        model=happened.model,
        latency_ms=UNSET if latency_s is None else round(latency_s * 1_000, 1),
    )


def error(refusal: IntoneError) -> wire.Error:
    """Word an error as an event of the stream."""
    return wire.Error(code=refusal.code, message=str(refusal), retryable=refusal.retryable)


def error_body(refusal: IntoneError) -> wire.ErrorBody:
    """Word an error as the body of an HTTP answer."""
    return wire.ErrorBody(
        error=wire.ErrorDetail(code=refusal.code, message=str(refusal), retryable=refusal.retryable)
    )


def wishes(update: wire.SessionUpdate) -> dict[str, object]:
    """Return what an update asks for, by the names of :class:`SessionConfig`'s fields."""
    asked: dict[str, object] = {"model": update.model, "interim_ms": update.interim_ms}
    if update.audio is not UNSET:
        asked |= msgspec.structs.asdict(update.audio)
    return {name: value for name, value in asked.items() if value is not UNSET}


def source(update: wire.SessionUpdate) -> dict[str, object]:
    """Return what an update says of the microphone, for the log."""
    said = {} if update.source is UNSET else msgspec.structs.asdict(update.source)
    return {name: value for name, value in said.items() if value is not UNSET}


def query_wishes(query: Mapping[str, str]) -> dict[str, object]:
    """Return what the query of ``GET /v1/stream`` asks for, by the same names.

    Numbers become int; what is no number stays text, to be refused with its value.
    """
    names = {parameter: parameter for parameter in ("encoding", "channels", "model", "interim_ms")}
    names["sample_rate"] = "sample_rate_hz"
    numbers = ("sample_rate", "channels", "interim_ms")
    return {
        name: _number(query[parameter]) if parameter in numbers else query[parameter]
        for parameter, name in names.items()
        if parameter in query
    }


def _number(text: str) -> int | str:
    # int() would take "1_000", " 16000 " and other scripts' digits.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _answer(decision: Decision) -> wire.Answer:
    told = decision.rounded()
    return wire.Answer(label=told.label, confidence=told.confidence, scores=dict(told.scores))


def _or_unset(value: int | None) -> int | UnsetType:
    return UNSET if value is None else value
