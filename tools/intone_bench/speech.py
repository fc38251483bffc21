"""Clips of speech to speak with: a folder's, espeak-ng's, or the test suite's."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from intone.audio_files import open_audio
from intone.core.decode import Decoder
from intone.errors import IntoneError
from intone.types import SAMPLE_RATE_HZ, FloatArray

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "data"

_SENTENCES = (
    "When does the next train leave?",
    "The children play outside.",
    "Tell them to come inside.",
    "I have been waiting for an answer since Monday morning, and nobody called me back.",
    "Good morning, this is about the order from last week.",
    "It was the best day that we had in a long time, really.",
    "No, that is not what I asked for.",
    "Please open the window and close the door behind you.",
)
_VOICES = ("en-us+m3", "en-us+f3", "en-gb+m1", "en-gb+f2")
_SOUNDS = frozenset({".wav", ".flac", ".aif", ".aiff", ".ogg", ".opus"})

_SHORTEST_S = 0.6
"""The endpointer takes 400 ms of speech for an utterance; a clip should give one."""
_LONGEST_S = 14.0
"""The endpointer splits at 15 s."""
_QUIET_DB = 35.0
"""What lies so far under a clip's peak at its ends is not speech yet, or no more."""
_WINDOW = SAMPLE_RATE_HZ // 50


class NoSpeech(Exception):
    """There is nothing to speak with; says why."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Speech, each float32 (n,) at 16 kHz from its first sound to its last."""

    samples: tuple[FloatArray, ...]
    source: str
    """Where they come from, for the report."""


def from_folder(folder: Path, most: int, seed: int) -> Clips:
    """Read up to ``most`` sound files under ``folder``, drawn with ``seed``.

    Raises :class:`NoSpeech`.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUNDS)
    random.Random(seed).shuffle(paths)
    found: list[FloatArray] = []
    for path in paths:
        if len(found) == most:
            break
        samples = _spoken(path)
        if samples is not None:
            found.append(samples)
    if not found:
        raise NoSpeech(
            f"{folder}: no sound file there holds {_SHORTEST_S:g} to {_LONGEST_S:g} s of sound"
        )
    return Clips(tuple(found), f"{len(found)} clips of {folder.name}/")


def synthetic() -> Clips:
    """Speak with espeak-ng where it is installed, else with the test suite's recordings.

    Raises :class:`NoSpeech` where there are neither.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        if not FIXTURES.is_dir():
            raise NoSpeech("give --speech FOLDER, or install espeak-ng")
        clips = from_folder(FIXTURES, 16, 0)
        return Clips(clips.samples, "the test suite's synthetic speech")
    with tempfile.TemporaryDirectory() as folder:
        paths = _say(program, Path(folder))
        found = [samples for path in paths if (samples := _spoken(path)) is not None]
    if not found:
        raise NoSpeech("espeak-ng said nothing: give --speech FOLDER")
    return Clips(tuple(found), f"{len(found)} sentences of espeak-ng")


def _say(program: str, folder: Path) -> Sequence[Path]:
    paths = []
    for voice in _VOICES:
        for index, sentence in enumerate(_SENTENCES):
            path = folder / f"{voice}-{index}.wav"
            command = [program, "-v", voice, "-s", "150", "-w", str(path), sentence]
            done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
            if done.returncode == 0:
                paths.append(path)
    return paths


def _spoken(path: Path) -> FloatArray | None:
    """Return the file's first channel without the silence around it; None if it will not do."""
    try:
        with open_audio(path) as file:
            decoder = Decoder(file.audio)
            pieces = [decoder.decode(block)[:, 0] for block in file.blocks()]
            rate_hz = file.sample_rate_hz
    except IntoneError:
        return None
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    samples = np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32)
    trimmed = trim(samples)
    seconds = trimmed.shape[0] / SAMPLE_RATE_HZ
    return trimmed if _SHORTEST_S <= seconds <= _LONGEST_S else None


def trim(samples: FloatArray) -> FloatArray:
    """Return ``samples``, (n,), from the first window of 20 ms that is not quiet to the last."""
    windows = samples.shape[0] // _WINDOW
    level = np.abs(samples[: windows * _WINDOW]).reshape(windows, _WINDOW).max(axis=1, initial=0.0)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (-_QUIET_DB / 20))
    if not loud.size:
        return samples[:0]
    return samples[loud[0] * _WINDOW : (loud[-1] + 1) * _WINDOW]
