"""An utterance's samples to the fixed windows that the model steps on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intone.types import FloatArray


@dataclass(frozen=True, slots=True)
class BlockShape:
    """Samples a step takes: it advances ``advance`` samples and looks at ``window``.

    ``window`` is longer: the last frame reaches beyond the advance, and one sample before
    the first is what pre-emphasis looks back to.
    """

    advance: int
    window: int

    def needed_for(self, samples: int) -> int:
        """How long an utterance must be for its blocks to advance it by ``samples`` or more."""
        blocks = -(-samples // self.advance)
        return (blocks - 1) * self.advance + self.window - 1


class BlockCutter:
    """Cuts one utterance. A tail that does not fill a window is not used.

    That tail is under one block and what a window reaches beyond (175 ms for the default model).
    Where silence ended the utterance it lies in the hangover; where it was split, flushed, or the
    audio ended, it is the last that was said.
    """

    def __init__(self, shape: BlockShape) -> None:
        self._shape = shape
        self._pending = [np.zeros(1, np.float32)]
        self._waiting = 1

    @property
    def missing(self) -> int:
        """Samples until the next window is complete."""
        return self._shape.window - self._waiting

    def push(self, samples: FloatArray) -> list[FloatArray]:
        """Take float32 (n,); return the windows, each float32 (window,), now complete."""
        self._pending.append(samples)
        self._waiting += samples.shape[0]
        if self._waiting < self._shape.window:
            return []
        joined = np.concatenate(self._pending)
        windows = []
        start = 0
        while self._waiting - start >= self._shape.window:
            # A view: little else is kept alive with it, and that not for long.
            windows.append(joined[start : start + self._shape.window])
            start += self._shape.advance
        self._pending = [joined[start:].copy()]
        self._waiting -= start
        return windows
