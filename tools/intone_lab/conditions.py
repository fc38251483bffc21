"""What a clip goes through before the server is sent it: nothing, a telephone, noise, a low level.

All of it is decided by the condition, the seed and the clip's own key: the same in every run,
whatever else is measured and in whatever order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from intone.core.decode import to_int16
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray
from intone_lab.named_random import named_generator
from intone_lab.telephone import TELEPHONE, as_telephone

LEVEL_FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
"""Levels are taken over frames of 20 ms."""
ACTIVE_WITHIN_DB = 15.0
"""A frame is speech-active if its power is at most this far under the clip's mean power."""
BABBLE_VOICES = 6
"""So many that no single one can be followed, so few that it is still speech."""


class Noise(str, Enum):
    """What is added."""

    WHITE = "white"
    BABBLE = "babble"
    """Other speakers of the same corpus, :data:`BABBLE_VOICES` at once, equally loud."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One way to send a clip."""

    name: str
    audio: AudioFormat = field(default_factory=AudioFormat)
    noise: Noise | None = None
    snr_db: float = 0.0
    """Active speech level over noise level; see :func:`active_power`."""
    gain_db: float = 0.0
    """Of a microphone less sensitive than the corpus's, or farther away."""


CLEAN = Condition("clean")
CONDITIONS = {
    condition.name: condition
    for condition in (
        CLEAN,
        Condition("telephone", TELEPHONE),
        *(
            Condition(f"{noise.value} {snr_db} dB", noise=noise, snr_db=snr_db)
            for noise in Noise
            for snr_db in (20, 10, 5)
        ),
        Condition("10 dB quieter", gain_db=-10.0),
    )
}
"""Every condition, by name."""


def send(
    samples: FloatArray,
    condition: Condition,
    voices: Sequence[FloatArray] = (),
    key: str = "",
    seed: int = 0,
) -> bytes:
    """Return what a client would send of ``samples``, float32 (n,) at 16 kHz, in [-1, 1].

    ``voices`` are what babble is made of, float32 (m,) each; ``key`` is the clip's. Raises
    :class:`ValueError` if babble is asked for and there are no voices.
    """
    if condition.gain_db:
        samples = np.asarray(samples * 10.0 ** (condition.gain_db / 20.0), np.float32)
    if condition.noise is not None:
        rng = named_generator(condition.noise.value, key, seed=seed)
        noise = _noise(condition.noise, len(samples), voices, rng)
        samples = add_noise(samples, noise, condition.snr_db)
    if condition.audio == TELEPHONE:
        return as_telephone(samples)
    return to_int16(samples).tobytes()


def add_noise(samples: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Return float32 (n,): both, with ``noise`` (n,) so far under the speech that is active.

    Turned down as a whole where the sum would clip, which leaves the ratio as it is.
    """
    wanted = active_power(samples) / 10.0 ** (snr_db / 10.0)
    gain = np.sqrt(wanted / max(_power(noise), 1e-20))
    mixed = samples + np.float32(gain) * noise
    peak = float(np.abs(mixed).max(initial=0.0))
    return np.asarray(mixed / max(peak, 1.0), np.float32)


def active_power(samples: FloatArray) -> float:
    """Mean square of the speech-active part of float32 ``samples`` (n,).

    Of its 20 ms frames, those at most :data:`ACTIVE_WITHIN_DB` under the mean of all: pauses
    and the silence around a recording would make speech seem quieter than it is.
    """
    frames = len(samples) // LEVEL_FRAME_SAMPLES
    if not frames:
        return _power(samples)
    whole = samples[: frames * LEVEL_FRAME_SAMPLES].astype(np.float64)
    power = np.square(whole.reshape(frames, LEVEL_FRAME_SAMPLES)).mean(axis=1)
    active = power >= power.mean() / 10.0 ** (ACTIVE_WITHIN_DB / 10.0)
    return float(power[active].mean())


def _noise(
    kind: Noise, length: int, voices: Sequence[FloatArray], rng: np.random.Generator
) -> FloatArray:
    if kind is Noise.WHITE:
        return rng.standard_normal(length).astype(np.float32)
    return babble(voices, length, rng)


def babble(voices: Sequence[FloatArray], length: int, rng: np.random.Generator) -> FloatArray:
    """Return :data:`BABBLE_VOICES` of ``voices``, float32 (m,) each, as one noise (length,).

    All equally loud, and each from anywhere in it, again from its start where it ends. Raises
    :class:`ValueError` if there are no voices.
    """
    if not voices:
        raise ValueError("babble needs other voices, and there are none")
    mixed = np.zeros(length, np.float64)
    chosen = rng.permutation(len(voices))[:BABBLE_VOICES]
    for index in chosen:
        voice = voices[index]
        start = int(rng.integers(len(voice)))
        around = np.take(voice, np.arange(start, start + length), mode="wrap")
        mixed += around / np.sqrt(max(active_power(voice), 1e-20))
    return mixed.astype(np.float32)


def _power(samples: FloatArray) -> float:
    return float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
