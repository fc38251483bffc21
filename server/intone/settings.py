"""Settings: frozen dataclasses that refuse nonsense when they are built.

Where they come from (flags, ``INTONE_*``, TOML) is the business of
:mod:`intone.configuration`; nothing in here reads a file or the environment.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from intone.errors import SettingsError

FRAME_MS = 20
"""One voice-activity decision: webrtcvad takes 10, 20 or 30 ms; a telephony packet is 20 ms."""


def _check(condition: bool, sentence: str) -> None:
    if not condition:
        raise SettingsError(sentence)


Ranges = dict[str, tuple[float, float]]
"""Least and most that a number may be, by its field's name; both may be taken."""


def _check_ranges(settings: Any) -> None:
    for name, (low, high) in settings.RANGES.items():
        value = getattr(settings, name)
        _check(low <= value <= high, f"{name} must be between {low} and {high}, not {value}")


@dataclass(frozen=True, slots=True)
class EndpointerSettings:
    """How speech is cut into utterances.

    Durations are rounded down to whole frames, but for the least that a result takes
    (``min_speech_ms``, ``min_periodic_ms``): up.
    """

    vad: str = "webrtc"
    """Voice detector, by its entry-point name in ``intone.voice_detectors``."""
    vad_mode: int = 1
    """webrtcvad's aggressiveness: 0 lets most through, 3 least."""
    window_ms: int = 300
    """The ring on which the start is decided."""
    start_ratio: float = 0.8
    """An utterance starts when this share of the ring is speech."""
    hangover_ms: int = 500
    """The ring on which the end is decided."""
    end_ratio: float = 0.9
    """An utterance ends when this share of the hangover is not speech."""
    pre_roll_ms: int = 300
    """Audio kept from before the first speech frame: onsets are soft."""
    min_speech_ms: int = 400
    """Less speech than this is discarded as too_short."""
    max_utterance_ms: int = 15_000
    """Longer speech is split; the next utterance says which one it continues. No less than
    ``pre_roll_ms``, ``window_ms`` and ``hangover_ms`` together, nor than ``min_speech_ms``."""
    floor_dbfs: float = -65.0
    """A frame quieter than this (RMS about its mean) is not speech, whatever the detector says."""
    min_periodic_ms: int = 80
    """Less periodic sound than this in a row is discarded as unvoiced; 0 turns the check off."""

    RANGES: ClassVar[Ranges] = {
        "vad_mode": (0, 3),
        "window_ms": (FRAME_MS, 5_000),
        "start_ratio": (0.01, 1.0),
        "hangover_ms": (FRAME_MS, 10_000),
        "end_ratio": (0.01, 1.0),
        "pre_roll_ms": (0, 5_000),
        "min_speech_ms": (0, 10_000),
        "max_utterance_ms": (1_000, 60_000),
        "floor_dbfs": (-120.0, 0.0),
        "min_periodic_ms": (0, 5_000),
    }

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check(
            self.max_utterance_ms >= self.pre_roll_ms + self.window_ms + self.hangover_ms,
            "max_utterance_ms must hold at least pre_roll_ms + window_ms + hangover_ms",
        )
        # Else nothing that anybody says would ever have a result.
        _check(
            self.max_utterance_ms >= max(self.min_speech_ms, self.min_periodic_ms),
            "max_utterance_ms must hold at least min_speech_ms and min_periodic_ms",
        )


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How what all live sessions say shares a core and the model."""

    max_batch: int = 64
    """Blocks in one model call: past 64 a block costs no less, only later (two cores measured)."""
    max_wait_ms: float = 20.0
    """How long the first block of a batch may wait for company where there are ``max_batch``
    utterances; less in proportion where there are fewer, and not at all for one."""
    own_thread_ms: float = 10.0
    """A model whose largest step takes longer when it is loaded, or that answers at the end, gets
    a thread. Others run on the server's own, between messages: a thread would wait for it."""
    longest_round_ms: float = 20.0
    """How long messages may gather, to be read together, while the server's thread is busy for
    70 % of the time or more; less in proportion down to 35 %, and not at all below. 0 is never."""
    interim_backlog_s: float = 0.5
    """An interim later than this is dropped: the engine has results to catch up with."""
    refuse_backlog_s: float = 1.5
    """Audio has waited longer than this: new sessions are refused. No less than
    ``interim_backlog_s``, and no more than ``discard_backlog_s``."""
    discard_backlog_s: float = 10.0
    """An utterance's audio has waited longer than this: it is discarded as overloaded."""

    RANGES: ClassVar[Ranges] = {
        "max_batch": (1, 1_024),
        "max_wait_ms": (0.0, 1_000.0),
        "own_thread_ms": (0.0, 1_000.0),
        "longest_round_ms": (0.0, 1_000.0),
    }

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check(
            0 < self.interim_backlog_s <= self.refuse_backlog_s <= self.discard_backlog_s,
            "backlogs must grow: interim_backlog_s <= refuse_backlog_s <= discard_backlog_s",
        )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one client, and all of them together, may take. Each default says why."""

    max_sessions: int = 1_000
    """Sessions open at once, others get 503: what one core is built to carry. Several workers share
    it equally, rounded down. As many connections again may wait for their token's message. Where
    a process may open fewer files, 64 fewer than those, which a line of the log says."""
    max_message_bytes: int = 1 << 20
    """Size of one message: 32 s of 16 kHz s16le, far over any live frame, far under what hurts."""
    max_frame_s: float = 10.0
    """Audio in one binary message, as far as ``max_rate_burst_s`` lets it come at once; a live
    client sends 0.02 to 1 s."""
    max_rate: float = 20.0
    """Sustained audio seconds a wall second: a file may be streamed, a flood may not."""
    max_rate_burst_s: float = 30.0
    """Audio that may come at once before ``max_rate`` counts: a reconnecting client's backlog."""
    max_messages_per_s: float = 1_000.0
    """Faster ones are read later: one costs the server as much as 50 ms of audio, however short,
    and telephones send 50. Each 16 KiB of a message count as one more."""
    auth_timeout_s: float = 5.0
    """How long the token may take that a client gives as its first message: a slow round trip."""
    max_session_s: float = 3 * 3600.0
    """How long a session may last: longer than nearly every call."""
    idle_timeout_s: float = 60.0
    """How long a session may bring neither audio nor a message before it is ended."""
    send_timeout_s: float = 10.0
    """A client that takes no event for this long is not reading."""
    max_upload_bytes: int = 200 << 20
    """Size of one upload; an hour of 16 kHz 16-bit audio is 115 MB."""
    max_upload_s: float = 3600.0
    """Audio in one ``POST /v1/analyze``."""
    max_uploads: int = 4
    """Uploads analysed at once: each holds its file in memory. Workers share it, at least one
    each."""
    drain_s: float = 10.0
    """How long running utterances may take to finish when the server stops."""

    # aiohttp's parser counts in 32 bits.
    RANGES: ClassVar[Ranges] = {"max_message_bytes": (1, 1 << 31)}

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            _check(value > 0, f"{one.name} must be over 0, not {value}")
        _check_ranges(self)

    @property
    def longest_frame_s(self) -> float:
        """Audio that one binary message may hold: no more than may come at once."""
        return min(self.max_frame_s, self.max_rate_burst_s)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a client may choose for its session."""

    model: str = "gru"
    """The model of a session that names none."""
    interim_ms: int = 500
    """Audio between interims, 100 to 60000; 0 sends none."""

    def __post_init__(self) -> None:
        _check(
            self.interim_ms == 0 or 100 <= self.interim_ms <= 60_000,
            f"interim_ms must be 0 (none) or between 100 and 60000, not {self.interim_ms}",
        )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Everything ``intone serve`` needs."""

    host: str = "127.0.0.1"
    """Address to listen on; one beyond loopback needs a token, or ``allow_open``."""
    port: int = 8765
    """Port to listen on; 0 takes a free one."""
    workers: int = 1
    """Processes that serve, each on a core of its own; over 1 needs gunicorn (not on Windows)."""
    tokens: tuple[str, ...] = field(default=(), repr=False)
    """Accepted bearer tokens, each ``TOKEN`` or ``NAME:TOKEN``; none means no authentication."""
    allow_open: bool = False
    """Listen beyond loopback without a token: only where something else keeps the door."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of pages, besides the server's own, that may connect, as ``https://shop.example`` or
    ``http://localhost:3000``; ``*`` is any."""
    models_dir: Path | None = None
    """A folder of further model folders."""
    models: tuple[str, ...] = ()
    """Names to load; none means all that are found."""
    sinks: tuple[str, ...] = ()
    """Where events go besides the client, by entry-point names in ``intone.sinks``."""
    log_format: str = "text"
    """``text`` or ``json`` (one object a line)."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""
    session: SessionSettings = field(default_factory=SessionSettings)
    endpointer: EndpointerSettings = field(default_factory=EndpointerSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)

    RANGES: ClassVar[Ranges] = {"port": (0, 65_535), "workers": (1, 256)}

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check(
            self.workers <= self.limits.max_sessions,
            f"workers share limits.max_sessions: {self.workers} workers need "
            f"{self.workers} sessions or more, not {self.limits.max_sessions}",
        )
        # As of a variable that another one fills: it would be every address.
        _check(self.host != "", "host must not be empty: 0.0.0.0 is every address")
        _check(self.log_format in ("text", "json"), "log_format must be text or json")
        _check(
            self.log_level in ("debug", "info", "warning", "error"),
            "log_level must be debug, info, warning or error",
        )
        for text in self.tokens:
            _check_token(text)
        for origin in self.allowed_origins:
            _check_origin(origin)
        _check(
            bool(self.tokens) or self.allow_open or is_loopback(self.host),
            f"refusing to listen on {self.host} without a token: "
            "give --token, or --allow-open if something else guards it",
        )


def split_token(text: str) -> tuple[str, str]:
    """Return name and token of ``NAME:TOKEN`` or ``TOKEN``, whose name is empty."""
    name, colon, token = text.partition(":")
    return (name, token) if colon else ("", name)


def _check_token(text: str) -> None:
    """The sentences do not show the token."""
    name, token = split_token(text)
    _check(token != "", "a token must not be empty")
    _check(
        token.isascii() and token.isprintable() and token == token.strip(),
        "a token must be of printable ASCII characters, without space around it: "
        "no header carries others for certain",
    )
    _check(
        ":" not in token and re.fullmatch(r"[\w.\-]{0,40}", name, re.ASCII) is not None,
        "a colon ends a token's name, of up to 40 letters, digits, dots, - and _; "
        "a token itself holds none",
    )


def _check_origin(text: str) -> None:
    """What a browser sends as ``Origin``: RFC 6454, section 6.2, or ``null``."""
    is_one = re.fullmatch(r"\*|null|file://|[a-z][a-z0-9+.\-]*://[^/?#@\sA-Z]+", text) is not None
    _check(
        is_one and not re.match(r"(http://.*:80|https://.*:443)$", text),
        f"allowed_origins: no browser says that a page is of {text!r}, but for instance "
        "https://shop.example or http://localhost:3000: lower case, no path, no :80 or :443",
    )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
