"""When an utterance starts and ends: a state machine on (frame, is_speech), in whole frames.

It knows nothing of audio. Both decisions are ratios over a ring, so that one false frame
neither opens an utterance nor postpones its end by a whole hangover.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from intone.settings import FRAME_MS, EndpointerSettings
from intone.types import EndReason


@dataclass(frozen=True, slots=True)
class Opened:
    """An utterance begins at ``start_frame``, pre-roll included; maybe before this frame."""

    start_frame: int
    continues_previous: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The utterance ends before ``end_frame`` and held ``speech_frames`` of speech."""

    end_frame: int
    speech_frames: int
    reason: EndReason


Transition = Opened | Closed


def _frames(duration_ms: int) -> int:
    return duration_ms // FRAME_MS


def _at_least(ratio: float, frames: int) -> int:
    """Fewest of ``frames`` that are at least ``ratio`` of them."""
    # Rounded first: 0.07 * 100 is a little over 7 in floating point, and would ask for 8.
    return math.ceil(round(ratio * frames, 9))


_NONE: tuple[Transition, ...] = ()
"""What nearly every frame causes; a list a frame would be a sixth of the endpointer's time."""


class _Ring:
    """The last frames' decisions and how many of them are speech."""

    __slots__ = ("frames", "speech")

    def __init__(self, length: int) -> None:
        self.frames: deque[bool] = deque(maxlen=length)
        self.speech = 0

    def push(self, is_speech: bool) -> None:
        frames = self.frames
        if len(frames) == frames.maxlen and frames[0]:
            self.speech -= 1
        frames.append(is_speech)
        if is_speech:
            self.speech += 1

    def extend(self, decisions: Sequence[bool]) -> None:
        self.frames.extend(decisions)
        self.speech = sum(self.frames)

    def clear(self) -> None:
        self.frames.clear()
        self.speech = 0


class Endpointer:
    """Feed one decision a frame; get the transitions they cause, in order."""

    def __init__(self, settings: EndpointerSettings) -> None:
        self._window = _Ring(_frames(settings.window_ms))
        self._hangover = _Ring(_frames(settings.hangover_ms))
        self._start_count = _at_least(settings.start_ratio, _frames(settings.window_ms))
        self._end_count = _at_least(settings.end_ratio, _frames(settings.hangover_ms))
        self._pre_roll = _frames(settings.pre_roll_ms)
        self._max_frames = _frames(settings.max_utterance_ms)
        self._next_frame = 0
        self._start_frame: int | None = None
        self._previous_end = 0
        self._speech_frames = 0

    @property
    def speech_frames(self) -> int:
        """Speech frames in the running utterance."""
        return self._speech_frames

    @property
    def fewest_frames(self) -> int:
        """The soonest of the frames to come, from 1, that can cause something."""
        if self._start_frame is None:
            return max(self._start_count - self._window.speech, 1)
        hangover = self._hangover
        to_end = self._end_count - (len(hangover.frames) - hangover.speech)
        to_split = self._max_frames - (self._next_frame - self._start_frame)
        return max(min(to_end, to_split), 1)

    def push(self, decisions: Sequence[bool]) -> tuple[int, Sequence[Transition]]:
        """Take the next frames' decisions, up to the first that causes something.

        Returns how many were taken, and what the last of them caused.
        """
        advance = self._while_quiet if self._start_frame is None else self._while_speaking
        taken = 0
        while taken < len(decisions):
            if ineffective := self.fewest_frames - 1:
                some = decisions[taken : taken + ineffective]
                self._take(some)
                taken += len(some)
                continue
            self._next_frame += 1
            transitions = advance(decisions[taken])
            taken += 1
            if transitions:
                return taken, transitions
        return taken, _NONE

    def _take(self, decisions: Sequence[bool]) -> None:
        """Take frames that cannot cause anything, whatever they are."""
        self._next_frame += len(decisions)
        if self._start_frame is None:
            self._window.extend(decisions)
        else:
            self._hangover.extend(decisions)
            self._speech_frames += sum(decisions)

    def close(self, reason: EndReason) -> Sequence[Transition]:
        """End the running utterance now, if there is one."""
        if self._start_frame is None:
            return _NONE
        closed = Closed(self._next_frame, self._speech_frames, reason)
        self._start_frame = None
        self._previous_end = self._next_frame
        self._speech_frames = 0
        self._window.clear()
        return [closed]

    def _while_quiet(self, is_speech: bool) -> Sequence[Transition]:
        window = self._window
        window.push(is_speech)
        if window.speech < self._start_count:
            return _NONE
        first_speech = self._next_frame - len(window.frames) + window.frames.index(True)
        start = max(first_speech - self._pre_roll, self._previous_end)
        self._open(start, window.speech)
        self._hangover.clear()
        return [Opened(start)]

    def _while_speaking(self, is_speech: bool) -> Sequence[Transition]:
        hangover = self._hangover
        hangover.push(is_speech)
        self._speech_frames += is_speech
        quiet = len(hangover.frames) - hangover.speech
        # Only a quiet frame ends an utterance: not the first frame of a new word.
        if not is_speech and quiet >= self._end_count:
            return self.close(EndReason.SILENCE)
        assert self._start_frame is not None
        if self._next_frame - self._start_frame < self._max_frames:
            return _NONE
        split = self.close(EndReason.MAX_DURATION)
        self._open(self._next_frame, 0)
        return [*split, Opened(self._next_frame, continues_previous=True)]

    def _open(self, start_frame: int, speech_frames: int) -> None:
        self._start_frame = start_frame
        self._speech_frames = speech_frames
