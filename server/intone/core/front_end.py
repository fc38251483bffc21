"""Bytes of a session to its hops: the pure front half of the data path."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from intone.core.blocks import BlockShape
from intone.core.decode import Decoder, back_to_int16, to_int16
from intone.core.framing import FRAME_SAMPLES, Framer
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
        came_as_int16 = audio.encoding is Encoding.S16LE and audio.sample_rate_hz == SAMPLE_RATE_HZ
        self._to_int16 = back_to_int16 if came_as_int16 else to_int16
        self._resampler = Resampler(audio.sample_rate_hz, audio.channels)
        self._framer = Framer(audio.channels)
        ids = itertools.count(1)
        self._segmenters = [
            Segmenter(channel, settings, make_detector(settings), shape, ids)
            for channel in range(audio.channels)
        ]

    def feed(self, data: bytes) -> list[Hop]:
        """Take any number of bytes; return what they caused."""
        return self._advance(self._resampler.push(self._decoder.decode(data)))

    def flush(self) -> list[Hop]:
        """End the running utterances now; the stream goes on."""
        return self._close(EndReason.FLUSH)

    def finish(self) -> list[Hop]:
        """End the stream. A last piece under one frame (20 ms) is not heard."""
        hops = self._advance(self._resampler.finish())
        return hops + self._close(EndReason.END_OF_STREAM)

    def _advance(self, samples: FloatArray) -> list[Hop]:
        frames = self._framer.push(samples)
        if not frames.shape[0]:
            return []
        frames_int16 = self._to_int16(frames)
        # A sum of products a frame: what its neighbours are does not change its bits.
        power = (np.einsum("ncs,ncs->cn", frames, frames) / FRAME_SAMPLES).tolist()
        if len(self._segmenters) == 1:
            return self._segmenters[0].push(frames[:, 0], frames_int16[:, 0], power[0])
        return [
            hop
            for frame in range(len(frames))
            for channel, segmenter in enumerate(self._segmenters)
            for hop in segmenter.push(
                frames[frame : frame + 1, channel],
                frames_int16[frame : frame + 1, channel],
                power[channel][frame : frame + 1],
            )
        ]

    def _close(self, reason: EndReason) -> list[Hop]:
        return [hop for segmenter in self._segmenters for hop in segmenter.close(reason)]
