"""Samples to frames of 20 ms: leftovers are carried, never padded."""

from __future__ import annotations

import numpy as np

from intone.settings import FRAME_MS
from intone.types import FloatArray, to_samples

FRAME_SAMPLES = to_samples(FRAME_MS)
"""Samples of a frame at 16 kHz: 320."""
FRAME_BYTES = 2 * FRAME_SAMPLES
"""Of one channel as int16."""


class Framer:
    """Cuts (n, channels) samples into whole frames."""

    def __init__(self, channels: int) -> None:
        self._leftover = np.zeros((0, channels), np.float32)

    @property
    def held(self) -> int:
        """Samples of the beginning of a frame, which are carried."""
        return self._leftover.shape[0]

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 (n, channels); return (frames, channels, FRAME_SAMPLES), contiguous."""
        if self._leftover.shape[0]:
            samples = np.concatenate([self._leftover, samples])
        count = samples.shape[0] // FRAME_SAMPLES
        whole, channels = count * FRAME_SAMPLES, samples.shape[1]
        if whole < samples.shape[0] or self._leftover.shape[0]:
            self._leftover = samples[whole:].copy()
        if channels == 1:
            return samples[:whole].reshape(count, 1, FRAME_SAMPLES)
        frames = samples[:whole].reshape(count, FRAME_SAMPLES, channels)
        return np.ascontiguousarray(frames.transpose(0, 2, 1))
