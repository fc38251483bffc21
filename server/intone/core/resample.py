"""Any rate to 16 kHz, by soxr; nothing else imports it."""

from __future__ import annotations

import numpy as np
import soxr

from intone.types import SAMPLE_RATE_HZ, FloatArray

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
"""Below telephony there is no voice to judge; above studio rates a header is more likely wrong."""


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


class Resampler:
    """Streaming resampler to 16 kHz, whose output does not depend on how input is cut.

    soxr is handed the same piece length (20 ms) whatever comes in, so that its output
    cannot depend on the caller's; at 16 kHz samples pass through untouched.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._passthrough = rate_hz == SAMPLE_RATE_HZ
        self._piece = rate_hz // 50
        self._channels = channels
        self._leftover = np.zeros((0, channels), np.float32)
        self._finished = False
        if not self._passthrough:
            self._stream = soxr.ResampleStream(
                rate_hz, SAMPLE_RATE_HZ, channels, dtype="float32", quality="HQ"
            )

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 (n, channels) and return what is ready at 16 kHz, (m, channels)."""
        if self._passthrough:
            return samples
        if self._leftover.shape[0]:
            samples = np.concatenate([self._leftover, samples])
        pieces = samples.shape[0] // self._piece
        self._leftover = samples[pieces * self._piece :].copy()
        return self._join(
            [
                self._stream.resample_chunk(samples[i * self._piece : (i + 1) * self._piece])
                for i in range(pieces)
            ]
        )

    def finish(self) -> FloatArray:
        """End the stream and return the samples that were still inside; once only."""
        if self._passthrough or self._finished:
            return np.zeros((0, self._channels), np.float32)
        self._finished = True
        return self._join([self._stream.resample_chunk(self._leftover, last=True)])

    def _join(self, pieces: list[FloatArray]) -> FloatArray:
        if not pieces:
            return np.zeros((0, self._channels), np.float32)
        joined = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        np.minimum(joined, 1.0, out=joined)
        np.maximum(joined, -1.0, out=joined)
        return joined.reshape(-1, self._channels)
