"""What passes between the hops of the data path: one frozen dataclass a hop.

This module depends on nothing but the standard library and numpy. Time is counted in
integer samples at 16 kHz (``*_sample``); milliseconds exist in settings and on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
"""The one rate inside: what webrtcvad, the features and every model are built for."""

FloatArray = NDArray[np.float32]
"""float32 samples in [-1, 1], or float32 features, logits and states."""


class Encoding(str, Enum):
    """How the samples of a stream are written; values are the wire's names."""

    S16LE = "s16le"
    F32LE = "f32le"
    MULAW = "mulaw"
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes a sample of one channel takes."""
        return {Encoding.S16LE: 2, Encoding.F32LE: 4}.get(self, 1)


SAMPLE_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Rates a stream may have; soxr brings each to :data:`SAMPLE_RATE_HZ`."""


class EndReason(str, Enum):
    """Why an utterance ended in a result."""

    SILENCE = "silence"
    MAX_DURATION = "max_duration"
    FLUSH = "flush"
    END_OF_STREAM = "end_of_stream"


class DiscardReason(str, Enum):
    """Why an utterance that had started ended without a result."""

    TOO_SHORT = "too_short"
    """Less speech than the endpointer's minimum."""
    UNVOICED = "unvoiced"
    """No periodic sound in it: clicks, hiss, a slammed door, or a whisper."""
    OVERLOADED = "overloaded"
    """The engine was too far behind to take its audio."""
    FAILED = "failed"
    """The recogniser failed on it; an ``error`` event says so too."""


@dataclass(frozen=True)
class AudioFormat:
    """The audio a session sends."""

    encoding: Encoding = Encoding.S16LE
    sample_rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    # Cached, since every message asks for both.
    @cached_property
    def bytes_per_tick(self) -> int:
        """Bytes of one sample of every channel."""
        return self.encoding.sample_bytes * self.channels

    @cached_property
    def bytes_per_second(self) -> int:
        """Bytes of one second of audio."""
        return self.bytes_per_tick * self.sample_rate_hz


def encoding_problem(audio: AudioFormat) -> str | None:
    """Say what stands against its encoding, which nothing checked; None if there is nothing."""
    if isinstance(audio.encoding, Encoding):
        return None
    return f"the encoding must be an Encoding, such as Encoding.MULAW, not {audio.encoding!r}"


# --- hops: what the pure core says while audio goes in --------------------------------


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The endpointer opened an utterance at ``start_sample`` (pre-roll included)."""

    utterance_id: int
    channel: int
    start_sample: int
    continues: int | None
    """The utterance this one goes on from, after a split at the maximum length."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeechBlock:
    """One step's worth of an utterance's audio.

    ``window`` is float32 of shape (window_samples,): see
    :class:`intone.core.blocks.BlockCutter` for its layout.
    """

    utterance_id: int
    channel: int
    start_sample: int
    end_sample: int
    """The utterance's audio up to this sample has been cut into blocks."""
    is_confirmed: bool
    """Enough speech for a result, were it to end here: interims start from such a block."""
    window: FloatArray


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The endpointer closed an utterance; every block of it came before."""

    utterance_id: int
    channel: int
    start_sample: int
    end_sample: int
    reason: EndReason


@dataclass(frozen=True, slots=True)
class SpeechDiscarded:
    """The endpointer closed an utterance that is not worth a result."""

    utterance_id: int
    channel: int
    start_sample: int
    end_sample: int
    reason: DiscardReason


Hop = SpeechStarted | SpeechBlock | SpeechEnded | SpeechDiscarded


# --- what the recogniser says ---------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """A recogniser's answer for one utterance so far, before calibration."""

    emotion_logits: FloatArray
    """float32 (emotions,), in the card's order."""
    gender_logits: FloatArray
    """float32 (genders,), in the card's order."""


TOLD_DECIMALS = 4
"""A probability is calibrated to no more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A calibrated answer: ``label`` is ``unsure`` under the card's threshold."""

    label: str
    confidence: float
    scores: Mapping[str, float]
    """Probability of every label, in the card's order; they sum to 1."""

    def rounded(self) -> Decision:
        """Return it as it is told, to :data:`TOLD_DECIMALS`."""
        scores = {label: round(share, TOLD_DECIMALS) for label, share in self.scores.items()}
        return Decision(self.label, round(self.confidence, TOLD_DECIMALS), scores)


UNSURE = "unsure"
"""The label of an answer whose calibrated confidence is under the card's threshold."""


# --- events: what a client or a sink is told ------------------------------------------


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """Somebody began to speak."""

    utterance_id: int
    channel: int
    start_ms: int
    continues: int | None = None


@dataclass(frozen=True, slots=True)
class UtteranceInterim:
    """The current answer while the utterance runs."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    emotion: Decision
    gender: Decision


@dataclass(frozen=True, slots=True)
class UtteranceResult:
    """The final answer of an utterance."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    reason: EndReason
    emotion: Decision
    gender: Decision
    model: str
    continues: int | None = None
    latency_ms: float | None = field(default=None, compare=False)
    """From the arrival of the audio that ended it to the answer, where a server measured it."""


@dataclass(frozen=True, slots=True)
class UtteranceDiscarded:
    """An utterance that started and has no result, with the reason."""

    utterance_id: int
    channel: int
    start_ms: int
    end_ms: int
    reason: DiscardReason


Event = UtteranceStarted | UtteranceInterim | UtteranceResult | UtteranceDiscarded


def to_ms(sample: int) -> int:
    """Audio-clock milliseconds of a 16 kHz sample position, rounded down."""
    return sample * 1_000 // SAMPLE_RATE_HZ


def to_samples(duration_ms: int) -> int:
    """16 kHz samples in ``duration_ms``."""
    return duration_ms * SAMPLE_RATE_HZ // 1_000
