"""The audio that every row of a comparison is given, in a file that any interpreter reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intone.core.blocks import BlockShape
from intone.core.decode import FULL_SCALE
from intone.core.front_end import FrontEnd
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray, SpeechEnded
from intone_bench.tracks import Track


@dataclass(frozen=True, slots=True)
class Audio:
    """Tracks as they are sent, and the utterances that intone's endpointer cuts from them."""

    tracks: tuple[NDArray[np.int16], ...]
    """Each int16 (n,) at 16 kHz."""
    utterances: tuple[FloatArray, ...]
    """Each float32 (n,) at 16 kHz, from the shortest to the longest; those with a result."""

    @property
    def track_s(self) -> float:
        """Seconds of live audio."""
        return sum(map(len, self.tracks)) / SAMPLE_RATE_HZ

    @property
    def utterance_s(self) -> float:
        """Seconds inside utterances."""
        return sum(map(len, self.utterances)) / SAMPLE_RATE_HZ

    def spread(self, most: int) -> tuple[FloatArray, ...]:
        """Return up to ``most`` utterances of all lengths: some peers take a second for one."""
        count = min(most, len(self.utterances))
        picked = np.linspace(0, len(self.utterances) - 1, count).round().astype(int)
        return tuple(self.utterances[index] for index in picked)


def cut(tracks: Sequence[Track], shape: BlockShape) -> Audio:
    """Cut 16 kHz s16le ``tracks`` as the server would."""
    sounds, utterances = [], []
    for track in tracks:
        data = b"".join(track.messages)
        sound = np.frombuffer(data, "<i2").astype(np.int16)
        sounds.append(sound)
        front_end = FrontEnd(AudioFormat(), EndpointerSettings(), webrtc, shape)
        for hop in (*front_end.feed(data), *front_end.finish()):
            if isinstance(hop, SpeechEnded):
                part = sound[hop.start_sample : hop.end_sample].astype(np.float32)
                utterances.append(part / np.float32(FULL_SCALE))
    utterances.sort(key=len)
    return Audio(tuple(sounds), tuple(utterances))


def write_audio(audio: Audio, path: Path) -> None:
    """Write what :func:`read_audio` reads."""
    named: dict[str, NDArray[Any]] = {
        f"track{index:04d}": track for index, track in enumerate(audio.tracks)
    }
    named |= {f"utterance{index:04d}": part for index, part in enumerate(audio.utterances)}
    np.savez(path, **named)  # type: ignore[arg-type]  # its stub takes the names for options


def read_audio(path: Path) -> Audio:
    """Read a file of :func:`write_audio`."""
    with np.load(path) as content:
        names = sorted(content.files)
        tracks = tuple(content[name] for name in names if name.startswith("track"))
        utterances = tuple(content[name] for name in names if name.startswith("utterance"))
    return Audio(tracks, utterances)
