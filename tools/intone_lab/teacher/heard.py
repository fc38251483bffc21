"""What the teacher hears of each copy of a clip, and keeping it for the next time."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.progress import track

from intone.settings import EndpointerSettings
from intone_lab.code_version import TEACHING, code_version
from intone_lab.company import Company, companies
from intone_lab.copies import Copy, worth_hearing
from intone_lab.corpora import Clip
from intone_lab.dataset import block_shape, cut, send_copies
from intone_lab.file_version import file_version
from intone_lab.processes import fresh_processes
from intone_lab.teacher.encoder import (
    PIECE_SAMPLES,
    SOURCES,
    STEP_SAMPLES,
    WIDTH,
    Encoder,
    Frames,
)

CopyKey = tuple[str, str]
"""A clip's key and the copy's name."""


def hear_all(clips: Sequence[Clip], copies: Sequence[Copy], cache: Path) -> dict[CopyKey, Frames]:
    """Return the teacher's frames of the longest utterance in every copy that has one.

    Of those copies that are worth it (:func:`intone_lab.copies.worth_hearing`). They are those of
    the audio that :attr:`intone_lab.dataset.Example.longest` was made of, one every 40 ms, read
    from ``cache`` as they are needed. Raises :class:`intone_lab.teacher.source.TeacherError` where
    the teacher cannot be fetched.
    """
    of_clips = [
        (clip.key, file_version(clip.path), [copy.name for copy in worth_hearing(clip, copies)])
        for clip in clips
    ]
    of_copies = [asdict(copy) for copy in copies]
    of_teachers = [asdict(source) for source in SOURCES]
    of_teacher = [of_teachers, WIDTH, STEP_SAMPLES, PIECE_SAMPLES, asdict(EndpointerSettings())]
    what = json.dumps([of_clips, of_copies, of_teacher, code_version(TEACHING)]).encode()
    folder = cache / f"taught-{hashlib.sha256(what).hexdigest()[:16]}"
    if not folder.exists():
        # Fetched before the processes that hear with them.
        Encoder(cache)
        _hear_and_save(folder, clips, copies, cache)
    return _load(folder, clips, copies)


def _hear_and_save(
    folder: Path, clips: Sequence[Clip], copies: Sequence[Copy], cache: Path
) -> None:
    jobs = [(company, worth_hearing(company.clip, copies), cache) for company in companies(clips)]
    partial = folder.with_name("partial-" + folder.name)
    partial.mkdir(parents=True, exist_ok=True)
    lengths = []
    with fresh_processes() as pool, (partial / "frames.f16").open("wb") as file:
        heard = pool.map(_hear, jobs, chunksize=8)
        for of_clip in track(heard, "the teacher hears the clips", total=len(clips)):
            for frames in of_clip:
                lengths.append(len(frames))
                # At once: together they may be more than fits into memory.
                file.write(frames.tobytes())
    np.save(partial / "lengths.npy", lengths)
    partial.replace(folder)


def _hear(job: tuple[Company, Sequence[Copy], Path]) -> list[Frames]:
    company, copies, cache = job
    encoder, advance = _encoder(cache), block_shape().advance
    frames = []
    for sent in send_copies(company, copies):
        longest = max(cut(sent.data, sent.audio), key=len, default=None)
        if longest is None:
            frames.append(np.zeros((0, WIDTH), np.float16))
        else:
            frames.append(encoder(longest[:, :advance].reshape(-1)))
    return frames


@functools.cache
def _encoder(cache: Path) -> Encoder:
    """Return this process's own."""
    return Encoder(cache)


def _load(folder: Path, clips: Sequence[Clip], copies: Sequence[Copy]) -> dict[CopyKey, Frames]:
    lengths = np.load(folder / "lengths.npy")
    ends = np.cumsum(lengths)
    frames = np.zeros((0, WIDTH), np.float16)
    if ends[-1]:  # An empty file cannot be mapped.
        frames = np.memmap(folder / "frames.f16", np.float16, "r").reshape(-1, WIDTH)
    return {
        key: frames[end - length : end]
        for key, end, length in zip(_keys(clips, copies), ends, lengths, strict=True)
        if length
    }


def _keys(clips: Sequence[Clip], copies: Sequence[Copy]) -> Iterator[CopyKey]:
    return ((clip.key, copy.name) for clip in clips for copy in worth_hearing(clip, copies))
