"""Bytes of a session to its hops: the pure front half of the data path."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from intone.core.blocks import BlockShape
from intone.core.decode import Decoder, from_int16, to_int16
from intone.core.framing import FRAME_BYTES, FRAME_SAMPLES, Framer
from intone.core.resample import Resampler
from intone.core.segmenter import Segmenter
from intone.core.vad import VoiceDetector
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ, AudioFormat, Encoding, EndReason, FloatArray, Hop

DetectorFactory = Callable[[EndpointerSettings], VoiceDetector]
"""What an entry point of ``intone.voice_detectors`` is."""


class FrontEnd:
    """Decode, resample, frame, and cut the utterances of every channel.

    How the bytes are split between calls never matters: channels advance together, frame
    by frame, and every hop before them carries its leftovers.
    """

    def __init__(
        self,
        audio: AudioFormat,
        settings: EndpointerSettings,
        make_detector: DetectorFactory,
        shape: BlockShape,
    ) -> None:
        self._decoder = Decoder(audio)
        self._is_plain = audio == AudioFormat(Encoding.S16LE, SAMPLE_RATE_HZ, 1)
        self._resampler = Resampler(audio.sample_rate_hz, audio.channels)
        self._framer = Framer(audio.channels)
        self._tick_bytes = audio.bytes_per_tick
        self.heard_samples = 0
        """Of each channel, in whole frames."""
        ids = itertools.count(1)
        self._segmenters = [
            Segmenter(channel, settings, make_detector(settings), shape, ids)
            for channel in range(audio.channels)
        ]

    @property
    def next_change_sample(self) -> int:
        """The soonest that what is still to come can begin or end an utterance."""
        return min(segmenter.next_change_sample for segmenter in self._segmenters)

    def missing_bytes(self, sample: int) -> int:
        """Return how many further bytes it takes, at least, to hear up to ``sample``."""
        wanted = (
            -(-sample // FRAME_SAMPLES) * FRAME_SAMPLES - self.heard_samples - self._framer.held
        )
        if wanted <= 0:
            return 0
        wanted_bytes = self._resampler.wanted_for(wanted) * self._tick_bytes
        return max(wanted_bytes - self._decoder.held_bytes, 0)

    def feed(self, data: bytes) -> list[Hop]:
        """Take any number of bytes; return what they caused."""
        if self._are_frames(data):
            int16 = np.frombuffer(data, "<i2").reshape(-1, 1, FRAME_SAMPLES)
            return self._hear(from_int16(int16), int16)
        return self._advance(self._resampler.push(self._decoder.decode(data)))

    def _are_frames(self, data: bytes) -> bool:
        """Whether ``data`` is whole frames as they are, as most clients send: a shortcut."""
        return (
            self._is_plain
            and len(data) % FRAME_BYTES == 0
            and not self._decoder.held_bytes
            and not self._framer.held
        )

    def flush(self) -> list[Hop]:
        """End the running utterances where the audio fed so far does; the stream goes on.

        A last piece under one frame (20 ms) is heard with what follows.
        """
        # Also where none runs yet: one may begin in what the resampler holds.
        hops = self._advance(self._resampler.flush())
        return hops + self._close(EndReason.FLUSH)

    def finish(self) -> list[Hop]:
        """End the stream. A last piece under one frame (20 ms) is not heard."""
        hops = self._advance(self._resampler.finish())
        return hops + self._close(EndReason.END_OF_STREAM)

    def _advance(self, samples: FloatArray) -> list[Hop]:
        frames = self._framer.push(samples)
        return self._hear(frames, to_int16(frames)) if frames.shape[0] else []

    def _hear(self, frames: FloatArray, int16: NDArray[np.int16]) -> list[Hop]:
        self.heard_samples += len(frames) * FRAME_SAMPLES
        decisions = [
            segmenter.decide(frames[:, channel], int16[:, channel])
            for channel, segmenter in enumerate(self._segmenters)
        ]
        if len(self._segmenters) == 1:
            return self._segmenters[0].push(frames[:, 0], decisions[0])
        hops: list[Hop] = []
        first = 0
        while first < len(frames):
            # Hops come in the order of their frames, whichever channel's they are.
            hopless = min(segmenter.hopless_frames for segmenter in self._segmenters)
            some = slice(first, first + max(hopless, 1))
            for channel, segmenter in enumerate(self._segmenters):
                hops += segmenter.push(frames[some, channel], decisions[channel][some])
            first = some.stop
        return hops

    def _close(self, reason: EndReason) -> list[Hop]:
        return [hop for segmenter in self._segmenters for hop in segmenter.close(reason)]
