"""Any rate to 16 kHz, by soxr; nothing else imports it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr

from intone.types import SAMPLE_RATE_HZ, FloatArray

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
"""Below telephony there is no voice to judge; above studio rates a header is more likely wrong."""

_PIECES_PER_S = 50
_TRIED_S = 3


def format_problem(channels: int, rate_hz: int) -> str | None:
    """Say what stands against such audio; None if it can be heard."""
    if channels not in (1, 2):
        return f"audio must have 1 or 2 channels, not {channels}"
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        return (
            f"the sample rate must be between {LOWEST_RATE_HZ} and {HIGHEST_RATE_HZ} Hz, "
            f"not {rate_hz}"
        )
    return None


def _stream(rate_hz: int, channels: int) -> soxr.ResampleStream:
    return soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, channels, dtype="float32", quality="HQ")


@dataclass(frozen=True, slots=True)
class _Lumps:
    """How soxr gives out what it makes: nothing for a while, then much at once."""

    held_samples: int
    """Of input, for which nothing has come out yet, with as many inside as this."""
    shortest: int
    longest: int
    """Samples that come at once."""


@lru_cache(maxsize=64)
def _lumps(rate_hz: int) -> _Lumps:
    """Try it: it gives out 1,660 samples at 8 kHz, a tenth of a second, and fewer at most rates."""
    stream, piece = _stream(rate_hz, 1), np.zeros((rate_hz // _PIECES_PER_S, 1), np.float32)
    given, held_samples, lengths = 0, 0, []
    for taken in range(len(piece), _TRIED_S * rate_hz, len(piece)):
        length = len(stream.resample_chunk(piece))
        if not length:
            held_samples = max(held_samples, taken - -(-given * rate_hz // SAMPLE_RATE_HZ))
        else:
            given += length
            lengths.append(length)
    return _Lumps(held_samples, min(lengths), max(lengths))


class Resampler:
    """Streaming resampler to 16 kHz, whose output does not depend on how input is cut.

    soxr is handed whole pieces of 20 ms: how much has come out then depends on nothing but how
    many there were. At 16 kHz samples pass through untouched.

    A flush takes out what soxr still holds, and what follows is a stream of its own. What has
    come out by then is as long as what went in, to half a sample, after any number of flushes.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._passthrough = rate_hz == SAMPLE_RATE_HZ
        self._piece = rate_hz // _PIECES_PER_S
        self._channels = channels
        self._leftover = self._nothing()
        self._rate_hz = rate_hz
        self._taken = self._given = 0
        """Since the last flush, as soxr's stream is of what came since."""
        self._owed = 0
        """What went in before it less what came out: at most half a sample, in parts of one."""
        if not self._passthrough:
            self._lumps = _lumps(rate_hz)
            self._stream = _stream(rate_hz, channels)

    def wanted_for(self, samples: int) -> int:
        """Further samples a channel before which fewer than ``samples`` (over 0) can come out."""
        if self._passthrough:
            return samples
        lumps = self._lumps
        before_the_last = (-(-samples // lumps.longest) - 1) * lumps.shortest
        # Counted in parts of a sample: input times output rate.
        inside = self._taken * SAMPLE_RATE_HZ - self._given * self._rate_hz
        wanted = lumps.held_samples * SAMPLE_RATE_HZ + before_the_last * self._rate_hz - inside
        return max(wanted // SAMPLE_RATE_HZ + 1, 1)

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 (n, channels) and return what is ready at 16 kHz, (m, channels)."""
        if self._passthrough:
            return samples
        self._taken += samples.shape[0]
        if self._leftover.shape[0]:
            samples = np.concatenate([self._leftover, samples])
        whole = samples.shape[0] - samples.shape[0] % self._piece
        self._leftover = samples[whole:].copy()
        if not whole:
            return self._leftover[:0]
        ready = self._clipped(self._stream.resample_chunk(samples[:whole]))
        self._given += ready.shape[0]
        return ready

    def flush(self) -> FloatArray:
        """Return the samples that are still inside, float32 (m, channels); the stream goes on.

        What follows is resampled as if nothing had come before. With nothing inside, as always
        at 16 kHz, it does nothing.
        """
        if not self._taken:
            return self._nothing()
        ready = self.finish()
        self._stream = _stream(self._rate_hz, self._channels)
        return ready

    def finish(self) -> FloatArray:
        """End the stream and return the samples that were still inside; a second time, none."""
        if not self._taken:
            return self._nothing()
        inside = self._taken * SAMPLE_RATE_HZ + self._owed
        length = (2 * inside + self._rate_hz) // (2 * self._rate_hz)
        self._owed = inside - length * self._rate_hz
        # soxr rounds the length of each of its streams, which over many flushes would move the
        # clock. The silence, which it hears there anyway, is for the sample that may be owed.
        silence = np.zeros((-(-self._rate_hz // SAMPLE_RATE_HZ), self._channels), np.float32)
        last = np.concatenate([self._leftover, silence])
        ready = self._stream.resample_chunk(last, last=True)[: length - self._given]
        self._leftover = self._nothing()
        self._taken = self._given = 0
        return self._clipped(ready)

    def _nothing(self) -> FloatArray:
        return np.zeros((0, self._channels), np.float32)

    def _clipped(self, samples: FloatArray) -> FloatArray:
        np.minimum(samples, 1.0, out=samples)
        np.maximum(samples, -1.0, out=samples)
        return samples.reshape(-1, self._channels)
