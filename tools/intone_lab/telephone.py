"""Speech as a telephone call brings it: 8 kHz mu-law, ITU-T G.711."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from intone.core.decode import to_int16
from intone.types import SAMPLE_RATE_HZ, AudioFormat, Encoding, FloatArray

TELEPHONE = AudioFormat(Encoding.MULAW, sample_rate_hz=8_000)


def as_telephone(samples: FloatArray) -> bytes:
    """Return float32 ``samples`` (n,) at 16 kHz as :data:`TELEPHONE`'s bytes."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE.sample_rate_hz)
    return to_mulaw(to_int16(np.asarray(narrow, np.float32))).tobytes()


def to_mulaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Encode int16 (n,) as ITU-T G.711 mu-law: the code of the decision interval."""
    values = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(values), 32_635) + 0x84
    # The position of the highest bit of a magnitude of 8 to 15 bits is its segment.
    segment = np.frexp(magnitude.astype(np.float64))[1] - 8
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(values < 0, 0x80, 0)
    codes: NDArray[np.uint8] = (~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8)
    return codes
