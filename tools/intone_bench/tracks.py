"""What a speaker sends: clips and pauses in turn, as messages of one length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from intone.core.decode import Decoder, to_int16
from intone.core.framing import FRAME_SAMPLES
from intone.core.resample import Resampler
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray, to_samples
from intone_bench.speech import Clips
from intone_lab.telephone import TELEPHONE, as_telephone

_SHORTEST_PAUSE_S = 0.8
"""Over the endpointer's hangover of 0.5 s: a clip is an utterance."""

_NOISE_DBFS = -78.0
"""Nobody's line is silent; well under the endpointer's floor of -65 dBFS."""


class Format(str, Enum):
    """How a session sends; values are the command's names."""

    WIDE = "s16le-16k"
    """16 kHz s16le in messages of 100 ms: a browser, an assistant."""
    PHONE = "mulaw-8k"
    """8 kHz mu-law in messages of 20 ms: a telephone call."""

    @property
    def audio(self) -> AudioFormat:
        """The format of the bytes."""
        return AudioFormat() if self is Format.WIDE else TELEPHONE

    @property
    def message_ms(self) -> int:
        """Audio in a message."""
        return 100 if self is Format.WIDE else 20

    @property
    def message_bytes(self) -> int:
        """Bytes of a message."""
        return self.audio.bytes_per_second * self.message_ms // 1_000


@dataclass(frozen=True, slots=True)
class Track:
    """One speaker's audio; many sessions may send the same one."""

    format: Format
    messages: tuple[bytes, ...]
    clip_ends: tuple[int, ...]
    """16 kHz samples at which the clips' last sounds end, in order."""
    heard_samples: tuple[int, ...]
    """16 kHz samples in whole 20 ms frames that the server has once it has this message."""

    @property
    def duration_s(self) -> float:
        """Length of the audio."""
        return len(self.messages) * self.format.message_ms / 1_000

    def message_that_brought(self, sample: int) -> int:
        """Return the index of the message with which the server had heard up to ``sample``.

        The last one for what even that does not complete.
        """
        index = int(np.searchsorted(self.heard_samples, sample))
        return min(index, len(self.messages) - 1)

    def clip_end_before(self, sample: int) -> int | None:
        """Return where the last clip that ends by ``sample`` ends; None before the first."""
        index = int(np.searchsorted(self.clip_ends, sample, side="right"))
        return self.clip_ends[index - 1] if index else None


def make_tracks(
    clips: Clips, kind: Format, *, count: int, duration_s: float, speech_share: float, seed: int
) -> tuple[Track, ...]:
    """Return ``count`` tracks of ``duration_s``, ``speech_share`` of which is clips."""
    random_numbers = random.Random(seed)
    return tuple(
        _track(clips.samples, kind, duration_s, speech_share, random_numbers) for _ in range(count)
    )


def _track(
    clips: Sequence[FloatArray],
    kind: Format,
    duration_s: float,
    speech_share: float,
    random_numbers: random.Random,
) -> Track:
    whole = round(duration_s * 1_000 / kind.message_ms)
    samples = to_samples(whole * kind.message_ms)
    noise = np.random.default_rng(random_numbers.getrandbits(32))
    sound = noise.standard_normal(samples, np.float32) * np.float32(10 ** (_NOISE_DBFS / 20))
    ends = []
    for start, clip in _spread(clips, samples, speech_share, random_numbers):
        sound[start : start + clip.shape[0]] += clip
        ends.append(start + clip.shape[0])
    data = _encode(np.clip(sound, -1.0, 1.0), kind)
    size = kind.message_bytes
    messages = tuple(data[i : i + size] for i in range(0, whole * size, size))
    return Track(kind, messages, tuple(ends), _heard(messages, kind.audio))


def _spread(
    clips: Sequence[FloatArray], samples: int, share: float, random_numbers: random.Random
) -> Iterator[tuple[int, FloatArray]]:
    """Yield where clips start, and the clips, so that they fill ``share`` of ``samples``.

    Each pause brings the share so far back to where it should be, give or take a third, so
    that neither long clips nor the shortest pause move the whole.
    """
    at, spoken = 0, 0
    while True:
        clip = random_numbers.choice(clips)
        # Of what was spoken and half of what comes now, so that the first pause is not special.
        wanted = (spoken + clip.shape[0] / 2) * (1 / share - 1) - (at - spoken)
        pause = int(max(wanted, 0.0) * random_numbers.uniform(0.67, 1.33))
        start = at + max(pause, round(_SHORTEST_PAUSE_S * SAMPLE_RATE_HZ) if spoken else 0)
        if start + clip.shape[0] > samples:
            return
        yield start, clip
        at, spoken = start + clip.shape[0], spoken + clip.shape[0]


def _encode(sound: FloatArray, kind: Format) -> bytes:
    if kind is Format.PHONE:
        return as_telephone(sound)
    return to_int16(sound).astype("<i2").tobytes()


def _heard(messages: Sequence[bytes], audio: AudioFormat) -> tuple[int, ...]:
    """Count the samples after each message, in whole frames: soxr gives them out later."""
    decoder, resampler = Decoder(audio), Resampler(audio.sample_rate_hz, audio.channels)
    heard, total = [], 0
    for message in messages:
        total += resampler.push(decoder.decode(message)).shape[0]
        heard.append(total - total % FRAME_SAMPLES)
    return tuple(heard)
