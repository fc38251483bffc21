"""Any rate to 16 kHz, by soxr; nothing else imports it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr

from intone.types import SAMPLE_RATE_HZ, FloatArray

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
"""Below telephony there is no voice to judge; above studio rates a header is more likely wrong."""

_PIECES_PER_S = 50


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


@lru_cache(maxsize=64)
def _fewest_pieces(rate_hz: int) -> int:
    """Pieces of 20 ms that soxr takes, at least, from one output to the next.

    It works on 1,660 samples of its own output at 8 kHz, fewer at most other rates: of telephone
    audio nothing comes out for four or five pieces, whatever is in them.
    """
    stream, piece = _stream(rate_hz, 1), np.zeros((rate_hz // _PIECES_PER_S, 1), np.float32)
    outputs = [len(stream.resample_chunk(piece)) for _ in range(_PIECES_PER_S)]
    # It gives as much as it takes: after an output of n samples the next is n samples away.
    shortest = min(length for length in outputs if length)
    return max(shortest * _PIECES_PER_S // SAMPLE_RATE_HZ, 1)


class Resampler:
    """Streaming resampler to 16 kHz, whose output does not depend on how input is cut.

    soxr is handed pieces of 20 ms, and as many at once as can bring nothing before the last
    of them: the calls, and so the output, depend on nothing but how much has come. At 16 kHz
    samples pass through untouched.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._passthrough = rate_hz == SAMPLE_RATE_HZ
        self._piece = rate_hz // _PIECES_PER_S
        self._channels = channels
        self._leftover = np.zeros((0, channels), np.float32)
        self._finished = False
        self._rate_hz = rate_hz
        self._taken = self._given = 0
        if not self._passthrough:
            self._fewest = self._due = _fewest_pieces(rate_hz)
            self._stream = _stream(rate_hz, channels)

    def wanted_for(self, samples: int) -> int:
        """Further samples a channel before which fewer than ``samples`` (over 0) can come out."""
        if self._passthrough:
            return samples
        # Nothing comes out before what it is made of, and mostly a good while later.
        of_those = -(-(self._given + samples) * self._rate_hz // SAMPLE_RATE_HZ) - self._taken
        return max(of_those, self._due * self._piece - self._leftover.shape[0])

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 (n, channels) and return what is ready at 16 kHz, (m, channels)."""
        if self._passthrough:
            return samples
        self._taken += samples.shape[0]
        if self._leftover.shape[0]:
            samples = np.concatenate([self._leftover, samples])
        first, ready = 0, []
        while first + self._due * self._piece <= samples.shape[0]:
            last = first + self._due * self._piece
            out = self._stream.resample_chunk(samples[first:last])
            # After one that brought nothing the next may, a piece later.
            self._due = self._fewest if out.shape[0] else 1
            if out.shape[0]:
                ready.append(out)
            first = last
            self._given += out.shape[0]
        self._leftover = samples[first:].copy()
        return self._join(ready)

    def finish(self) -> FloatArray:
        """End the stream and return the samples that were still inside; once only."""
        if self._passthrough or self._finished:
            return np.zeros((0, self._channels), np.float32)
        self._finished = True
        return self._join([self._stream.resample_chunk(self._leftover, last=True)])

    def _join(self, parts: list[FloatArray]) -> FloatArray:
        if not parts:
            return np.zeros((0, self._channels), np.float32)
        joined = np.concatenate(parts) if len(parts) > 1 else parts[0]
        np.minimum(joined, 1.0, out=joined)
        np.maximum(joined, -1.0, out=joined)
        return joined.reshape(-1, self._channels)
