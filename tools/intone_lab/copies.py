"""Copies of a training clip, made from its audio before the server hears it.

What can be done to features is done there, anew in every batch (:mod:`intone_lab.augment`).
Here stands what cannot: speed, the telephone's band and code, rooms and other people's
voices behind. Held-out clips are heard as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from intone.core.decode import to_int16
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray
from intone_lab.conditions import add_noise, babble
from intone_lab.corpora import Clip
from intone_lab.folds import ALWAYS_TRAIN
from intone_lab.named_random import named_generator
from intone_lab.other_voice import in_another_voice
from intone_lab.telephone import TELEPHONE, as_telephone

PLAIN_AUDIO = AudioFormat()

STEEPEST_NOISE_DB = 6.0
"""An octave: brown noise falls so, white noise not at all."""

_FLAT_BELOW_HZ = 50.0
"""Where steep noise would have most of its power, and a microphone nothing."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One way to alter a clip."""

    name: str
    speed: float = 1.0
    """Pitch and all, by resampling."""
    other_voice: bool = False
    """As somebody else might say it: see :mod:`intone_lab.other_voice`."""
    telephone: bool = False
    """8 kHz mu-law, as a call brings it."""
    room: bool = False
    """In a small room with somebody else talking in the background."""
    noise_snr_db: tuple[float, float] | None = None
    """In steady noise of any colour, so far under the speech, drawn evenly."""
    crowd_snr_db: tuple[float, float] | None = None
    """With several people talking at once behind, likewise."""

    @property
    def has_crowd(self) -> bool:
        """Whether it needs people to talk behind."""
        return self.crowd_snr_db is not None

    @property
    def has_surroundings(self) -> bool:
        """Whether more is heard of it than the voice: a line, a room, noise or others."""
        return self.telephone or self.room or self.noise_snr_db is not None or self.has_crowd


AS_IT_IS = Copy("as it is")
COPIES = (
    AS_IT_IS,
    Copy("slow", speed=0.9),
    Copy("fast", speed=1.1),
    Copy("telephone", telephone=True),
    Copy("room", room=True),
)
COPIES_BY_NAME = {copy.name: copy for copy in COPIES}
NOISE = Copy("noise", noise_snr_db=(0.0, 30.0))
CROWD = Copy("crowd", crowd_snr_db=(0.0, 25.0))
TAUGHT = tuple(copy for copy in COPIES if not copy.has_surroundings)
"""What the teacher hears; with the others it would be asked of noise what it hears without."""


def has_copies(clip: Clip) -> bool:
    """Whether more is made of ``clip`` than the clip as it is, where that costs much.

    Not of corpora of a voice or two, of which little is trained on: TESS would take half of the
    time of the large networks.
    """
    return clip.corpus not in ALWAYS_TRAIN


def worth_hearing(clip: Clip, copies: Sequence[Copy]) -> tuple[Copy, ...]:
    """Return those of ``copies`` that a large network hears of ``clip``: see :func:`has_copies`."""
    return tuple(copy for copy in copies if has_copies(clip) or copy == AS_IT_IS)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client would send."""

    audio: AudioFormat
    data: bytes


def send(
    samples: FloatArray,
    copy: Copy,
    background: FloatArray,
    key: str,
    crowd: Sequence[FloatArray] = (),
) -> Sent:
    """Return the bytes of float32 ``samples`` (n,) at 16 kHz, altered as ``copy`` says.

    ``background`` is another voice, float32 (m,) at 16 kHz, and ``crowd`` are those of a crowd;
    ``key``, the clip's, and the copy's name decide what is drawn. Raises :class:`ValueError` if
    a crowd is asked for and nobody is in it.
    """
    rng = named_generator(copy.name, key)
    if copy.other_voice:
        samples = in_another_voice(samples, rng)
    if copy.room:
        samples = _in_a_room(samples, background, rng)
    if copy.noise_snr_db is not None:
        samples = _in_noise(samples, copy.noise_snr_db, rng)
    if copy.crowd_snr_db is not None:
        noise = babble(crowd, len(samples), rng)
        samples = add_noise(samples, noise, rng.uniform(*copy.crowd_snr_db))
    if copy.speed != 1.0:
        rate_hz = SAMPLE_RATE_HZ * copy.speed
        samples = np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32)
    if copy.telephone:
        return Sent(TELEPHONE, as_telephone(samples))
    return Sent(PLAIN_AUDIO, to_int16(samples).tobytes())


def _in_a_room(samples: FloatArray, background: FloatArray, rng: np.random.Generator) -> FloatArray:
    # Here, because it takes seconds to import and only training wants it.
    import audiomentations

    _seed_audiomentations(int(rng.integers(2**32)))
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


def _in_noise(
    samples: FloatArray, snr_db: tuple[float, float], rng: np.random.Generator
) -> FloatArray:
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    slope_db = rng.uniform(0.0, STEEPEST_NOISE_DB)
    octaves = np.log2(np.maximum(hz, _FLAT_BELOW_HZ) / _FLAT_BELOW_HZ)
    noise = np.fft.irfft(spectrum * 10 ** (-slope_db * octaves / 20), len(samples))
    return add_noise(samples, noise.astype("f4"), rng.uniform(*snr_db))


def _seed_audiomentations(seed: int) -> None:
    """Seed the global generators, the only ones audiomentations draws from."""
    import random

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
