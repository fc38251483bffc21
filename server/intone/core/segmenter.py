"""One channel's frames to its utterances, cut into blocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from intone.core.blocks import BlockCutter, BlockShape
from intone.core.endpointer import Closed, Endpointer, Opened, Transition
from intone.core.framing import FRAME_SAMPLES
from intone.core.vad import VoiceDetector
from intone.core.voicing import VoicingCheck
from intone.settings import FRAME_MS, EndpointerSettings
from intone.types import (
    DiscardReason,
    EndReason,
    FloatArray,
    Hop,
    SpeechBlock,
    SpeechDiscarded,
    SpeechEnded,
    SpeechStarted,
)

_NONE: tuple[Hop, ...] = ()
"""What most frames cause."""


class _Utterance:
    """What is known of the running utterance."""

    def __init__(
        self, utterance_id: int, start_sample: int, shape: BlockShape, min_periodic_ms: int
    ) -> None:
        self.utterance_id = utterance_id
        self.start_sample = start_sample
        self.cut_sample = start_sample
        self.cutter = BlockCutter(shape)
        self.voicing = VoicingCheck(min_periodic_ms)


class Segmenter:
    """Voice activity, endpointer, voicing check and block cutter of one channel.

    ``utterance_ids`` is shared by the channels of a session, so that ids are the session's.
    """

    def __init__(
        self,
        channel: int,
        settings: EndpointerSettings,
        detector: VoiceDetector,
        shape: BlockShape,
        utterance_ids: Iterator[int],
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._detector = detector
        self._shape = shape
        self._utterance_ids = utterance_ids
        self._endpointer = Endpointer(settings)
        recent_ms = settings.pre_roll_ms + settings.window_ms
        self._recent: deque[FloatArray] = deque(maxlen=recent_ms // FRAME_MS)
        self._frames = 0
        self._utterance: _Utterance | None = None
        self._last_id: int | None = None
        self._floor_power = 10.0 ** (settings.floor_dbfs / 10.0)
        self._min_speech_frames = -(-settings.min_speech_ms // FRAME_MS)

    def push(
        self, frame: FloatArray, frame_int16: NDArray[np.int16], power: float
    ) -> Sequence[Hop]:
        """Take one frame as float32 and int16, both (320,), and its mean square."""
        self._frames += 1
        self._recent.append(frame)
        # The detector hears every frame, quiet ones too: it tracks the noise.
        is_speech = self._detector.is_speech(frame_int16) and power >= self._floor_power
        cut = self._cut(self._utterance, frame) if self._utterance is not None else _NONE
        transitions = self._endpointer.push(is_speech)
        if not transitions:
            return cut
        return [*cut, *(hop for transition in transitions for hop in self._follow(transition))]

    def close(self, reason: EndReason) -> list[Hop]:
        """End the running utterance now, if there is one."""
        return [hop for closed in self._endpointer.close(reason) for hop in self._follow(closed)]

    def _follow(self, transition: Transition) -> list[Hop]:
        if isinstance(transition, Opened):
            return self._open(transition)
        return [self._end(transition)]

    def _open(self, opened: Opened) -> list[Hop]:
        utterance = _Utterance(
            next(self._utterance_ids),
            opened.start_frame * FRAME_SAMPLES,
            self._shape,
            self._settings.min_periodic_ms,
        )
        self._utterance = utterance
        started = SpeechStarted(
            utterance.utterance_id,
            self._channel,
            utterance.start_sample,
            self._last_id if opened.continues_previous else None,
        )
        heard = self._frames - opened.start_frame
        if not heard:
            return [started]
        backlog = np.concatenate(list(self._recent)[-heard:])
        return [started, *self._cut(utterance, backlog)]

    def _cut(self, utterance: _Utterance, samples: FloatArray) -> Sequence[Hop]:
        windows = utterance.cutter.push(samples)
        if not windows:
            return _NONE
        hops: list[Hop] = []
        for window in windows:
            utterance.cut_sample += self._shape.advance
            utterance.voicing.push(window[1:])
            hops.append(
                SpeechBlock(
                    utterance.utterance_id,
                    self._channel,
                    utterance.start_sample,
                    utterance.cut_sample,
                    self._refusal(utterance, self._endpointer.speech_frames) is None,
                    window,
                )
            )
        return hops

    def _end(self, closed: Closed) -> Hop:
        utterance = self._utterance
        assert utterance is not None
        self._utterance = None
        self._last_id = utterance.utterance_id
        span = (utterance.utterance_id, self._channel, utterance.start_sample)
        end_sample = closed.end_frame * FRAME_SAMPLES
        refusal = self._refusal(utterance, closed.speech_frames)
        if refusal is not None:
            return SpeechDiscarded(*span, end_sample, refusal)
        return SpeechEnded(*span, end_sample, closed.reason)

    def _refusal(self, utterance: _Utterance, speech_frames: int) -> DiscardReason | None:
        """Why the utterance, as heard so far, would not be worth a result."""
        is_cut = utterance.cut_sample > utterance.start_sample
        if speech_frames < self._min_speech_frames or not is_cut:
            return DiscardReason.TOO_SHORT
        return None if utterance.voicing.is_voiced else DiscardReason.UNVOICED
