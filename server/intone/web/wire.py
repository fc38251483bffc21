"""The messages of ``intone.v1``, both ways, and the JSON of the HTTP endpoints.

The only module that knows the wire's field names; the Python client uses it too, and
:mod:`intone.web.codec` reads and writes it. Times are audio-clock milliseconds. A field that
is not known is ignored; so is, by the client, a message of a type it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

PROTOCOL = "intone.v1"
"""The WebSocket subprotocol, and ``session.created.protocol``."""

MAX_MARKER_CHARS = 1_024
"""Of a ping: answers wait in memory for a client that does not read."""


class Audio(Struct, frozen=True, kw_only=True):
    """The audio that a session sends; encodings are s16le, f32le, mulaw and alaw."""

    encoding: str
    sample_rate_hz: int
    channels: int


class Model(Struct, frozen=True, kw_only=True):
    """The model that answers, and the labels it may give besides ``unsure``."""

    name: str
    sha256: str
    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    interims: bool = True
    """Whether there are answers while an utterance runs, or one at its end alone."""
    interim_model: str | UnsetType = UNSET
    """The model that gives them, where it is not the one that gives the result."""


class Limits(Struct, frozen=True, kw_only=True):
    """What the server takes from one session; a frame is one binary message's audio."""

    max_frame_ms: int
    max_message_bytes: int
    max_rate: float
    """Sustained audio seconds a wall second, once ``max_rate_burst_s`` are spent."""
    max_rate_burst_s: float
    max_session_s: float
    idle_timeout_s: float


class Answer(Struct, frozen=True, kw_only=True):
    """One question's answer: ``label`` is the best of ``scores``, or ``unsure``."""

    label: str
    confidence: float
    scores: dict[str, float]
    """Calibrated probability of every label; they sum to 1."""


class Received(Struct, frozen=True, kw_only=True):
    """What the server took."""

    audio_ms: int
    bytes: int


class Produced(Struct, frozen=True, kw_only=True):
    """What the server made of it; ``utterances`` counts results."""

    utterances: int
    interims: int
    discarded: int


class AudioUpdate(Struct, frozen=True, kw_only=True):
    """The parts of the audio format to change."""

    encoding: str | UnsetType = UNSET
    sample_rate_hz: int | UnsetType = UNSET
    channels: int | UnsetType = UNSET


class Source(Struct, frozen=True, kw_only=True):
    """What a microphone does to the sound before it is sent; for the log."""

    sample_rate_hz: Annotated[int, Meta(ge=1, le=10_000_000)] | UnsetType = UNSET
    echo_cancellation: bool | UnsetType = UNSET
    noise_suppression: bool | UnsetType = UNSET
    auto_gain_control: bool | UnsetType = UNSET


class Auth(Struct, frozen=True, kw_only=True, tag_field="type", tag="auth"):
    """The token, as the first message of a session opened with ``?auth=message``."""

    token: str


class SessionUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.update"):
    """Change the configuration; before the first audio only. What is left out stays."""

    audio: AudioUpdate | UnsetType = UNSET
    model: str | UnsetType = UNSET
    interim_ms: int | UnsetType = UNSET
    source: Source | UnsetType = UNSET


class Flush(Struct, frozen=True, kw_only=True, tag_field="type", tag="flush"):
    """End the running utterances now."""


class Ping(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """Ask how far the server is; ``marker`` is given back in the pong."""

    marker: Annotated[str, Meta(max_length=MAX_MARKER_CHARS)] = ""


class SessionClose(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.close"):
    """End the session: the last results follow, then ``session.closed``."""


ClientMessage = Auth | SessionUpdate | Flush | Ping | SessionClose

# --- server to client -----------------------------------------------------------------


class SessionCreated(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.created"):
    """The session is open, with this configuration."""

    protocol: str
    session_id: str
    audio: Audio
    model: Model
    interim_ms: int
    limits: Limits


class SessionUpdated(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.updated"):
    """The whole configuration after a ``session.update``."""

    audio: Audio
    model: Model
    interim_ms: int


class Started(Struct, frozen=True, kw_only=True, tag_field="type", tag="utterance.started"):
    """Somebody began to speak."""

    utterance_id: int
    channel: int
    start_ms: int
    continues: int | UnsetType = UNSET
    """The utterance this one goes on from, after a split at the maximum length."""


class Interim(Struct, frozen=True, kw_only=True, tag_field="type", tag="utterance.interim"):
    """The answer so far, while the utterance runs."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    emotion: Answer
    gender: Answer


class Result(Struct, frozen=True, kw_only=True, tag_field="type", tag="utterance.result"):
    """The final answer of an utterance."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    emotion: Answer
    gender: Answer
    reason: str
    """Why it ended: ``silence``, ``max_duration``, ``flush`` or ``end_of_stream``."""
    continues: int | UnsetType = UNSET
    model: str
    latency_ms: float | UnsetType = UNSET
    """From the arrival of the audio that ended the utterance to the sending of this."""


class Discarded(Struct, frozen=True, kw_only=True, tag_field="type", tag="utterance.discarded"):
    """An utterance that started and gets no result."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    reason: str
    """``too_short``, ``unvoiced``, ``overloaded`` or ``failed``."""


class Pong(Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    marker: str
    received_ms: int
    lag_ms: int
    """Audio taken since the start of the oldest block not yet scored; 0 when all is."""


class Error(Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something was refused, or failed; fatal ones are followed by a close."""

    code: str
    message: str
    retryable: bool
    """Whether the same may work later."""


class SessionClosed(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.closed"):
    """The last message of a session."""

    reason: str
    """``client``, ``server_shutdown``, or the code of the error that ended it."""
    received: Received
    produced: Produced


ServerMessage = (
    SessionCreated
    | SessionUpdated
    | Started
    | Interim
    | Result
    | Discarded
    | Pong
    | Error
    | SessionClosed
)

# --- HTTP bodies ----------------------------------------------------------------------


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """The same as the stream's ``error``."""

    code: str
    message: str
    retryable: bool


class ErrorBody(Struct, frozen=True, kw_only=True):
    """Body of every HTTP answer that is an error."""

    error: ErrorDetail


class Analysis(Struct, frozen=True, kw_only=True):
    """Body of ``POST /v1/analyze``."""

    audio: Audio
    duration_ms: int
    model: Model
    utterances: list[Result]
    discarded: list[Discarded]


class Health(Struct, frozen=True, kw_only=True):
    """Body of ``/healthz`` and ``/readyz``: starting, serving or draining."""

    status: str


class ModelEntry(Struct, frozen=True, kw_only=True):
    """What a model's card says of it."""

    name: str
    kind: str
    description: str
    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    sha256: str
    accuracy: list[dict[str, Any]]
    licence: str
    intended_use: str
    interims: bool = True
    interim_model: str | UnsetType = UNSET


class Models(Struct, frozen=True, kw_only=True):
    """Body of ``GET /v1/models``."""

    models: list[ModelEntry]
    default: str


def _by_tag(union: object) -> dict[str, Any]:
    return {kind.__struct_config__.tag: kind for kind in get_args(union)}


CLIENT_TYPES: Mapping[str, type[ClientMessage]] = _by_tag(ClientMessage)
SERVER_TYPES: Mapping[str, type[ServerMessage]] = _by_tag(ServerMessage)
"""Every message that a client or the server sends, by its ``type``."""
