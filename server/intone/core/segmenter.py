"""One channel's frames to its utterances, cut into blocks."""

from __future__ import annotations

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
        self.is_confirmed = False
        """Worth a result; it stays so."""

    @property
    def frames_to_block(self) -> int:
        """The frame, from 1, with which the next block is whole."""
        return -(-self.cutter.missing // FRAME_SAMPLES)


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
        # A ring of our own: frames are views, which would keep their whole messages.
        self._recent = np.zeros((recent_ms // FRAME_MS, FRAME_SAMPLES), np.float32)
        self._frames = 0
        self._utterance: _Utterance | None = None
        self._last_id: int | None = None
        self._floor_energy = FRAME_SAMPLES * 10.0 ** (settings.floor_dbfs / 10.0)
        self._min_speech_frames = -(-settings.min_speech_ms // FRAME_MS)

    @property
    def next_change_sample(self) -> int:
        """The soonest that what is still to come can begin or end an utterance."""
        return (self._frames + self._endpointer.fewest_frames) * FRAME_SAMPLES

    @property
    def hopless_frames(self) -> int:
        """How many of the frames still to come cause nothing, whatever is in them; maybe none."""
        frames = self._endpointer.fewest_frames
        if self._utterance is not None:
            frames = min(frames, self._utterance.frames_to_block)
        return frames - 1

    def decide(self, frames: FloatArray, frames_int16: NDArray[np.int16]) -> Sequence[bool]:
        """Say of each of the next frames, as float32 and int16, both (n, 320), if it is speech."""
        # The detector hears every frame, quiet ones too: it tracks the noise.
        decisions = self._detector.detect(frames_int16)
        if not any(decisions):
            return decisions
        # Sums a frame: what its neighbours are does not change its bits. About its mean: many a
        # sound card adds a constant, which neither the detector nor anybody hears.
        sums = np.einsum("ns->n", frames)
        energy = np.einsum("ns,ns->n", frames, frames) - sums * sums / FRAME_SAMPLES
        heard = zip(decisions, energy.tolist(), strict=True)
        return [is_speech and loud >= self._floor_energy for is_speech, loud in heard]

    def push(self, frames: FloatArray, decisions: Sequence[bool]) -> list[Hop]:
        """Take frames, float32 (n, 320), with what :meth:`decide` said of them."""
        hops: list[Hop] = []
        first = 0
        while first < len(decisions):
            first += self._advance(frames, decisions, first, hops)
        return hops

    def _advance(
        self, frames: FloatArray, decisions: Sequence[bool], first: int, hops: list[Hop]
    ) -> int:
        """Take frames from ``first`` up to one that changes something; return how many."""
        utterance = self._utterance
        following = decisions[first:]
        if utterance is not None and not utterance.is_confirmed:
            # Not past the next block, which says how things stood then.
            following = following[: utterance.frames_to_block]
        taken, transitions = self._endpointer.push(following)
        heard = frames[first : first + taken]
        if utterance is None:
            self._remember(heard)
        else:
            hops += self._cut(utterance, heard.reshape(-1))
        self._frames += taken
        for transition in transitions:
            hops += self._follow(transition)
        return taken

    def _remember(self, frames: FloatArray) -> None:
        """Keep the frames that an utterance may be found to have begun with."""
        recent = self._recent
        kept = frames[-len(recent) :]
        first = (self._frames + len(frames) - len(kept)) % len(recent)
        room = len(recent) - first
        recent[first : first + len(kept)] = kept[:room]
        if len(kept) > room:
            recent[: len(kept) - room] = kept[room:]

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
        numbers = np.arange(opened.start_frame, self._frames)
        backlog = self._recent[numbers % len(self._recent)]
        return [started, *self._cut(utterance, backlog.reshape(-1))]

    def _cut(self, utterance: _Utterance, samples: FloatArray) -> list[Hop]:
        hops: list[Hop] = []
        for window in utterance.cutter.push(samples):
            is_first = utterance.cut_sample == utterance.start_sample
            utterance.cut_sample += self._shape.advance
            if not utterance.is_confirmed:
                # What no window before held.
                utterance.voicing.push(window[1:] if is_first else window[-self._shape.advance :])
                speech_frames = self._endpointer.speech_frames
                utterance.is_confirmed = self._refusal(utterance, speech_frames) is None
            hops.append(
                SpeechBlock(
                    utterance.utterance_id,
                    self._channel,
                    utterance.start_sample,
                    utterance.cut_sample,
                    utterance.is_confirmed,
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
