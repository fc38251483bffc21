"""Every error intone raises on purpose, each with its code on the wire and over HTTP.

    IntoneError
    ├── SettingsError            a setting that makes no sense
    ├── ModelError               a model folder that cannot be served
    ├── UnknownModel             a model that is not here
    ├── UnsupportedAudio         an encoding, rate or channel count that is not spoken
    ├── InvalidAudioFrame        a binary message that is not whole samples, empty or too long
    ├── InvalidAudioFile         an upload that no decoder reads, or that holds no audio
    ├── AudioTooLong             an upload over the allowed duration
    ├── InvalidMessage           text that is not JSON, or JSON of the wrong shape
    │   └── InvalidUpdate        a ``session.update`` of the wrong shape
    ├── UnknownMessageType       JSON whose ``type`` is not spoken here
    ├── ConfigAfterAudio         ``session.update`` after the first audio
    ├── NotConfigured            audio while the last configuration was refused
    ├── MessageTooLarge          a message over the size limit
    ├── RateLimited              audio faster than allowed
    ├── SlowConsumer             a client that does not read its events
    ├── IdleTimeout              nothing received for too long
    ├── SessionTooLong           a session over the allowed duration
    ├── Unauthorized             no token, or a wrong one
    ├── ForbiddenOrigin          a page that may not connect
    ├── Overloaded               no room for a session or a request now
    ├── ShuttingDown             the server is going away
    ├── RecogniserFailed         the model call raised
    ├── BadRequest               an HTTP request that makes no sense
    ├── NotFound                 no such page or endpoint
    ├── MethodNotAllowed         an endpoint that does not take this method
    ├── AddressInUse             the port is taken
    ├── WorkerFailed             one of several workers could not start
    └── ServerUnavailable        a client could not reach, or lost, its server

An error is translated to the wire once, at the edge (``web``), from its class attributes;
``close_code`` is None where the session goes on.
"""

from __future__ import annotations


class IntoneError(Exception):
    """Base of the tree; ``str(error)`` is one sentence fit for the peer to read."""

    code = "internal_error"
    http_status = 500
    close_code: int | None = 1011
    retryable = False


class SettingsError(IntoneError):
    """A setting that makes no sense, named with its value and what would be right."""

    code = "invalid_settings"
    http_status = 400
    close_code = None


class ModelError(IntoneError):
    """A model folder that cannot be served; names the file and why."""

    code = "invalid_model"


class UnknownModel(IntoneError):
    """A model by a name that is not loaded."""

    code = "unknown_model"
    http_status = 404
    close_code = None


class UnsupportedAudio(IntoneError):
    """An encoding, sample rate or channel count that intone does not read."""

    code = "unsupported_audio"
    http_status = 400
    close_code = None


class InvalidAudioFrame(IntoneError):
    """A binary message that is empty, too long, or not a whole number of samples."""

    code = "invalid_audio_frame"
    http_status = 400
    close_code = None


class InvalidAudioFile(IntoneError):
    """An upload that no decoder reads, or that holds no audio."""

    code = "invalid_audio_file"
    http_status = 422
    close_code = None


class AudioTooLong(IntoneError):
    """An upload that lasts longer than allowed."""

    code = "audio_too_long"
    http_status = 413
    close_code = None


class InvalidMessage(IntoneError):
    """Text that is not JSON, or JSON that does not have the message's fields."""

    code = "invalid_message"
    http_status = 400
    close_code: int | None = None


class InvalidUpdate(InvalidMessage):
    """A ``session.update`` of the wrong shape: what the client meant to ask for is not known."""


class UnknownMessageType(IntoneError):
    """JSON whose ``type`` is not one of the protocol's."""

    code = "unknown_type"
    http_status = 400
    close_code = None


class ConfigAfterAudio(IntoneError):
    """``session.update`` came after the first audio; the configuration stays as it was."""

    code = "config_after_audio"
    http_status = 409
    close_code = None


class NotConfigured(IntoneError):
    """Audio came although the last configuration was refused; it was not decoded."""

    code = "not_configured"
    http_status = 409
    close_code = None


class MessageTooLarge(IntoneError):
    """A message over the size limit."""

    code = "message_too_large"
    http_status = 413
    close_code = 1009


class RateLimited(IntoneError):
    """Audio came faster than the allowed multiple of real time."""

    code = "rate_limited"
    http_status = 429
    close_code = 1008
    retryable = True


class SlowConsumer(IntoneError):
    """The client does not read its events."""

    code = "slow_consumer"
    http_status = 408
    close_code = 1008
    retryable = True


class IdleTimeout(IntoneError):
    """Nothing was received for longer than the idle limit."""

    code = "idle_timeout"
    http_status = 408
    close_code = 1001
    retryable = True


class SessionTooLong(IntoneError):
    """The session lasted longer than allowed."""

    code = "session_too_long"
    http_status = 408
    close_code = 1001
    retryable = True


class Unauthorized(IntoneError):
    """No token where one is needed, or a wrong one."""

    code = "unauthorized"
    http_status = 401
    close_code = 1008


class ForbiddenOrigin(IntoneError):
    """The page that opens the connection is not on the allow-list."""

    code = "forbidden_origin"
    http_status = 403
    close_code = 1008


class Overloaded(IntoneError):
    """There is no room for another session or request now."""

    code = "overloaded"
    http_status = 503
    close_code = 1013
    retryable = True


class ShuttingDown(IntoneError):
    """The server is stopping."""

    code = "shutting_down"
    http_status = 503
    close_code = 1001
    retryable = True


class RecogniserFailed(IntoneError):
    """The model call raised; the utterances in it are discarded, the session goes on."""

    code = "recogniser_failed"
    close_code = None
    retryable = True


class BadRequest(IntoneError):
    """An HTTP request that makes no sense, such as a stream without a WebSocket upgrade."""

    code = "bad_request"
    http_status = 400
    close_code = None


class NotFound(IntoneError):
    """There is no such page or endpoint."""

    code = "not_found"
    http_status = 404
    close_code = None


class MethodNotAllowed(IntoneError):
    """The endpoint does not take this method."""

    code = "method_not_allowed"
    http_status = 405
    close_code = None


class AddressInUse(IntoneError):
    """The address to listen on is taken."""

    code = "address_in_use"


class WorkerFailed(IntoneError):
    """One of several workers could not start."""

    code = "worker_failed"


class ServerUnavailable(IntoneError):
    """A client could not reach its server, or lost it and gave up."""

    code = "server_unavailable"
    http_status = 503
    retryable = True
