"""Speech to the teachers' frames, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intone.types import FloatArray
from intone_lab.teacher import voices, whisper
from intone_lab.teacher.source import fetched

Frames = NDArray[np.float16]
"""(steps, :data:`WIDTH`), one every :data:`STEP_SAMPLES`."""

WIDTH = whisper.WIDTH + voices.WIDTH

STEP_SAMPLES = 640
"""40 ms: two frames of the one's, four of the other's."""

PIECE_SAMPLES = whisper.LONGEST_SAMPLES
"""What is heard at once."""

SOURCES = (whisper.SOURCE, voices.SOURCE)


class Encoder:
    """One process's teachers; one thread computes."""

    def __init__(self, cache: Path) -> None:
        """Take their files from ``cache``, fetched if they are not there yet.

        Raises :class:`intone_lab.teacher.source.TeacherError` where they cannot be fetched.
        """
        self._whisper = whisper.Whisper(fetched(whisper.SOURCE, cache))
        self._voices = voices.Voices(fetched(voices.SOURCE, cache))

    def __call__(self, samples: FloatArray) -> Frames:
        """Return the frames of float32 ``samples`` (n,) at 16 kHz, n // 640 of them."""
        steps = len(samples) // STEP_SAMPLES
        whole = samples[: steps * STEP_SAMPLES]
        pieces = [
            self._piece(whole[start : start + PIECE_SAMPLES])
            for start in range(0, len(whole), PIECE_SAMPLES)
        ]
        nothing = np.zeros((0, WIDTH), np.float16)
        return np.concatenate([nothing, *pieces])

    def _piece(self, samples: FloatArray) -> Frames:
        count = len(samples) // STEP_SAMPLES
        heard = [
            teacher(samples).reshape(count, -1, width).mean(axis=1)
            for teacher, width in ((self._whisper, whisper.WIDTH), (self._voices, voices.WIDTH))
        ]
        steps: Frames = np.concatenate(heard, axis=1).astype(np.float16)
        return steps
