"""Voice activity by webrtcvad; nothing else imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from intone.core.framing import FRAME_SAMPLES
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ

_FRAME_BYTES = 2 * FRAME_SAMPLES


class VoiceDetector(Protocol):
    """Seam ``intone.voice_detectors``: says of each frame whether it is speech.

    An entry point is a callable ``(settings: EndpointerSettings) -> VoiceDetector``. One
    detector serves one channel of one session, in order: it may remember.
    """

    def detect(self, frames: NDArray[np.int16]) -> Sequence[bool]:
        """Take the next frames, int16 (n, 320): 20 ms each at 16 kHz.

        What it says of a frame must not depend on how many are handed over at once.
        """
        ...


class WebRtcVoiceDetector:
    """WebRTC's Gaussian-mixture detector. It remembers noise: make one per channel."""

    def __init__(self, mode: int) -> None:
        self._is_speech = webrtcvad.Vad(mode).is_speech

    def detect(self, frames: NDArray[np.int16]) -> Sequence[bool]:
        """See :class:`VoiceDetector`."""
        # Slices of bytes are made faster than rows of an array.
        data, is_speech = frames.tobytes(), self._is_speech
        return [
            is_speech(data[first : first + _FRAME_BYTES], SAMPLE_RATE_HZ)
            for first in range(0, len(data), _FRAME_BYTES)
        ]


def webrtc(settings: EndpointerSettings) -> VoiceDetector:
    """Entry point ``webrtc`` of ``intone.voice_detectors``."""
    return WebRtcVoiceDetector(settings.vad_mode)
