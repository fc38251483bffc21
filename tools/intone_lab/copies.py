"""Copies of a training clip, made from its audio before the server hears it.

What can be done to features is done there, anew in every batch (:mod:`intone_lab.augment`).
Here stands what cannot: speed, the telephone's band and code, rooms and other people's
voices behind. Held-out clips are heard as they are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from intone.core.decode import to_int16
from intone.types import SAMPLE_RATE_HZ, AudioFormat, Encoding, FloatArray

TELEPHONE = AudioFormat(Encoding.MULAW, sample_rate_hz=8_000)
PLAIN_AUDIO = AudioFormat()


@dataclass(frozen=True, slots=True)
class Copy:
    """One way to alter a clip."""

    name: str
    speed: float = 1.0
    """Pitch and all, by resampling."""
    telephone: bool = False
    """8 kHz mu-law, as a call brings it."""
    room: bool = False
    """In a small room with somebody else talking in the background."""


AS_IT_IS = Copy("as it is")
COPIES = (
    AS_IT_IS,
    Copy("slow", speed=0.9),
    Copy("fast", speed=1.1),
    Copy("telephone", telephone=True),
    Copy("room", room=True),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client would send."""

    audio: AudioFormat
    data: bytes


def send(samples: FloatArray, copy: Copy, background: FloatArray, seed: str) -> Sent:
    """Return the bytes of float32 ``samples`` (n,) at 16 kHz, altered as ``copy`` says.

    ``background`` is another voice, float32 (m,) at 16 kHz; ``seed`` decides the room and how
    loud that voice is, the same for the same seed.
    """
    if copy.room:
        samples = _in_a_room(samples, background, seed)
    if copy.speed != 1.0:
        rate_hz = SAMPLE_RATE_HZ * copy.speed
        samples = np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32)
    if copy.telephone:
        narrow = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE.sample_rate_hz)
        return Sent(TELEPHONE, to_mulaw(to_int16(narrow)).tobytes())
    return Sent(PLAIN_AUDIO, to_int16(samples).tobytes())


def to_mulaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Encode int16 (n,) as ITU-T G.711 mu-law: the code whose value is nearest."""
    values = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(values), 32_635) + 0x84
    # The position of the highest bit of a magnitude of 8 to 15 bits is its segment.
    segment = np.frexp(magnitude.astype(np.float64))[1] - 8
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(values < 0, 0x80, 0)
    codes: NDArray[np.uint8] = (~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8)
    return codes


def _in_a_room(samples: FloatArray, background: FloatArray, seed: str) -> FloatArray:
    # Here, because it takes seconds to import and only training wants it.
    import audiomentations

    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
    _seed_audiomentations(number)
    rng = np.random.default_rng(number)
    room = audiomentations.RoomSimulator(
        min_size_x=2.5,
        max_size_x=6.0,
        min_size_y=2.5,
        max_size_y=6.0,
        min_absorption_value=0.2,
        max_absorption_value=0.6,
        calculation_mode="absorption",
        max_order=6,
        # Traced rays are drawn from a generator that cannot be seeded.
        use_ray_tracing=False,
        leave_length_unchanged=True,
        p=1.0,
    )
    reverberant = np.asarray(room(samples, sample_rate=SAMPLE_RATE_HZ), np.float32)
    reverberant *= _rms(samples) / max(_rms(reverberant), 1e-9)
    behind = np.resize(background, len(samples))
    level = _rms(samples) * 10 ** (-rng.uniform(10, 30) / 20) / max(_rms(behind), 1e-9)
    mixed: FloatArray = reverberant + np.float32(level) * behind
    return mixed


def _seed_audiomentations(seed: int) -> None:
    """Seed the global generators, the only ones audiomentations draws from."""
    import random

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
