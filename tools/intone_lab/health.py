"""Looks into every sound file: what cannot be used, and what is not what it seems."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intone.settings import EndpointerSettings
from intone_lab.catalogue import CORPORA, CorpusError
from intone_lab.corpora import Clip, Skipped, Survey, read_audio
from intone_lab.folders import contradiction

SILENT_DBFS = -60.0
"""A peak under this is no speech: intone's own endpointer takes frames under -65 dBFS for none."""

SHORT_MS = EndpointerSettings().min_speech_ms
"""What is shorter has no room for the speech that the server's endpointer asks of an utterance."""

CLIPPED_RUNS = 10
"""One flattened peak is heard by nobody; ten of them are a level set too high."""

FLAT_SAMPLES = 3
"""Samples in a row at the file's own peak that make it a flattened one."""

FULL_SCALE = 0.98
"""Flattened under this is a recording made softer after it was clipped: not for us to judge."""


class Problem(Enum):
    """What can be wrong with a file; the value says it."""

    UNREADABLE = "cannot be read"
    SILENT = f"silent: no peak over {SILENT_DBFS:.0f} dBFS"
    SHORT = f"shorter than {SHORT_MS} ms"
    CLIPPED = f"clipped: {CLIPPED_RUNS} flattened peaks or more"
    DUPLICATE = "the same sound as another file"
    CONTRADICTION = "labels that contradict each other"
    FOREIGN = "not a clip of any corpus"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wrong, with the file or files it is about."""

    problem: Problem
    paths: tuple[Path, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Sound:
    """What a clip's samples are."""

    clip: Clip
    duration_s: float
    rate_hz: int
    peak: float
    """1.0 is full scale."""
    flattened: int
    """Peaks cut flat at full scale."""
    digest: str
    """SHA-256 of rate and samples: the same for the same recording in WAV and in FLAC."""


@dataclass(frozen=True, slots=True)
class Health:
    """Every clip of a survey, looked into."""

    sounds: tuple[Sound, ...]
    """Of the clips that can be read, in the survey's order."""
    findings: tuple[Finding, ...]
    """In the order of :class:`Problem`."""


Track = Callable[[Iterable[Sound | Finding], int], Iterable[Sound | Finding]]
"""Shows progress over so many results, and yields each."""


def examine(survey: Survey, track: Track = lambda results, _: results) -> Health:
    """Decode every clip and report what is wrong with it; raises nothing for what it finds."""
    results = list(track(in_threads(survey.clips), len(survey.clips)))
    sounds = tuple(result for result in results if isinstance(result, Sound))
    findings = [result for result in results if isinstance(result, Finding)]
    findings += [finding for sound in sounds for finding in _of_one(sound)]
    findings += _duplicates(sounds)
    findings += _contradictions(survey.clips)
    findings += [_foreign(skipped) for skipped in survey.skipped]
    order = list(Problem)
    return Health(sounds, tuple(sorted(findings, key=lambda f: order.index(f.problem))))


def in_threads(clips: Sequence[Clip]) -> Iterator[Sound | Finding]:
    """Decode each clip, several at a time; a finding stands for one that cannot be."""
    # libsndfile and hashlib work outside Python's lock: threads are as good as processes.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(_look, clips)


def _look(clip: Clip) -> Sound | Finding:
    try:
        samples, rate_hz = read_audio(clip.path)
    except CorpusError as error:
        return Finding(Problem.UNREADABLE, (clip.path,), str(error))
    content = f"{rate_hz}".encode() + samples.tobytes()
    return Sound(
        clip=clip,
        duration_s=len(samples) / rate_hz,
        rate_hz=rate_hz,
        peak=float(np.abs(samples).max()),
        flattened=_flattened(samples),
        digest=hashlib.sha256(content).hexdigest(),
    )


def _flattened(samples: NDArray[np.float32]) -> int:
    """Count the runs of at least :data:`FLAT_SAMPLES` samples at the peak near full scale."""
    runs = 0
    for sign in (1, -1):
        top = float((sign * samples).max())
        if top < FULL_SCALE:
            continue
        # Lossless files repeat the very number; a lossy codec ripples about it.
        at_top = np.concatenate(([0], (sign * samples >= 0.999 * top).view(np.int8), [0]))
        edges = np.flatnonzero(np.diff(at_top))
        runs += int(np.count_nonzero(edges[1::2] - edges[::2] >= FLAT_SAMPLES))
    return runs


def _of_one(sound: Sound) -> Iterator[Finding]:
    paths = (sound.clip.path,)
    peak_dbfs = 20 * np.log10(max(sound.peak, 1e-9))
    if peak_dbfs < SILENT_DBFS:
        said = "nothing but zeros" if sound.peak == 0 else f"its peak is {peak_dbfs:.0f} dBFS"
        yield Finding(Problem.SILENT, paths, said)
    if sound.duration_s * 1_000 < SHORT_MS:
        yield Finding(Problem.SHORT, paths, f"{sound.duration_s * 1_000:.0f} ms")
    if sound.flattened >= CLIPPED_RUNS:
        yield Finding(Problem.CLIPPED, paths, f"{sound.flattened} flattened peaks")


def _duplicates(sounds: Sequence[Sound]) -> Iterator[Finding]:
    # Nothing but zeros is like nothing but zeros; it is told as silent already.
    heard = (sound for sound in sounds if sound.peak > 0)
    by_digest = sorted(heard, key=lambda sound: (sound.digest, sound.clip.key))
    for _, group in groupby(by_digest, key=lambda sound: sound.digest):
        clips = [sound.clip for sound in group]
        if len(clips) > 1:
            labels = {(clip.speaker, clip.emotion) for clip in clips}
            differ = "" if len(labels) == 1 else ", under different labels"
            keys = ", ".join(clip.key for clip in clips)
            yield Finding(Problem.DUPLICATE, tuple(clip.path for clip in clips), f"{keys}{differ}")


def _contradictions(clips: Sequence[Clip]) -> Iterator[Finding]:
    for clip in clips:
        said = contradiction(clip) if clip.corpus in CORPORA else None
        if said is not None:
            yield Finding(Problem.CONTRADICTION, (clip.path,), said)
    by_speaker: dict[str, dict[str, Clip]] = {}
    for clip in clips:
        if clip.gender is not None:
            by_speaker.setdefault(clip.speaker, {}).setdefault(clip.gender, clip)
    for speaker, genders in by_speaker.items():
        if len(genders) > 1:
            paths = tuple(clip.path for clip in genders.values())
            said = f"speaker {speaker} is {' here and '.join(genders)} there"
            yield Finding(Problem.CONTRADICTION, paths, said)


def _foreign(skipped: Skipped) -> Finding:
    return Finding(Problem.FOREIGN, (skipped.path,), skipped.reason)
