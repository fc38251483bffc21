"""Voice activity by webrtcvad, whose C module this is; nothing else imports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import _webrtcvad
import numpy as np
from numpy.typing import NDArray

from intone.core.framing import FRAME_BYTES, FRAME_SAMPLES
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ


class VoiceDetector(Protocol):
    """Seam ``intone.voice_detectors``: says of each frame whether it is speech.

    An entry point is a callable ``(settings: EndpointerSettings) -> VoiceDetector``. One
    detector serves one channel of one session, in order: it may remember. A server makes one
    more as it starts, to try it on silence.
    """

    def detect(self, frames: NDArray[np.int16]) -> Sequence[bool]:
        """Take the next frames, int16 (n, 320): 20 ms each at 16 kHz.

        What it says of a frame must not depend on how many are handed over at once.
        """
        ...


class WebRtcVoiceDetector:
    """WebRTC's Gaussian-mixture detector. It remembers noise: make one per channel."""

    def __init__(self, mode: int) -> None:
        self._state = _webrtcvad.create()
        _webrtcvad.init(self._state)
        _webrtcvad.set_mode(self._state, mode)

    def detect(self, frames: NDArray[np.int16]) -> Sequence[bool]:
        """See :class:`VoiceDetector`."""
        # Slices of bytes are made faster than rows of an array; and ``webrtcvad.Vad`` would
        # check each frame's length, which is known.
        data, state, process = frames.tobytes(), self._state, _webrtcvad.process
        return [
            process(state, SAMPLE_RATE_HZ, data[first : first + FRAME_BYTES], FRAME_SAMPLES)
            for first in range(0, len(data), FRAME_BYTES)
        ]


def webrtc(settings: EndpointerSettings) -> VoiceDetector:
    """Entry point ``webrtc`` of ``intone.voice_detectors``."""
    return WebRtcVoiceDetector(settings.vad_mode)
