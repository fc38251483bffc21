"""Voice activity by webrtcvad; nothing else imports it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ


class VoiceDetector(Protocol):
    """Seam ``intone.voice_detectors``: says of each frame whether it is speech.

    An entry point is a callable ``(settings: EndpointerSettings) -> VoiceDetector``. One
    detector serves one channel of one session, in order: it may remember.
    """

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        """Take one 20 ms frame, int16 of shape (320,) at 16 kHz, mono."""
        ...


class WebRtcVoiceDetector:
    """WebRTC's Gaussian-mixture detector. It remembers noise: make one per channel."""

    def __init__(self, mode: int) -> None:
        self._vad = webrtcvad.Vad(mode)

    def is_speech(self, frame: NDArray[np.int16]) -> bool:
        """See :class:`VoiceDetector`."""
        return bool(self._vad.is_speech(frame.tobytes(), SAMPLE_RATE_HZ))


def webrtc(settings: EndpointerSettings) -> VoiceDetector:
    """Entry point ``webrtc`` of ``intone.voice_detectors``."""
    return WebRtcVoiceDetector(settings.vad_mode)
