"""Finds and reads the clips of the corpora, as published or as copied about.

A file is known by its published name, wherever it lies under the root: folders differ from
copy to copy, names do not.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from intone.cut_short import missing_bytes
from intone.types import SAMPLE_RATE_HZ
from intone_lab import crema_d
from intone_lab.catalogue import CORPORA, EMOTIONS, Corpus, CorpusError, Labels, NotSpeech
from intone_lab.folder_walk import files_below

_log = logging.getLogger(__name__)

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".opus", ".ogg", ".aif", ".aiff", ".aifc"})

SAME_RECORDING = (("ravdess/03-01-03-01-02-01-07", "ravdess/03-01-03-01-02-02-07"),)
"""Clips, by :attr:`Clip.key`, that were published twice: never let them part into two folds."""

CLASS_CLIPS = 10
CLASS_SHARE = 0.05
"""An emotion of fewer clips than both is no class of its corpus: strays."""

_GIT_LFS_POINTER = b"version https://git-lfs"
"""How CREMA-D's sound files begin in a clone that was made without git-lfs."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recorded sentence or word with its labels."""

    path: Path
    corpus: str
    speaker: str
    """Prefixed by the corpus: ``ravdess/01``."""
    gender: str | None
    """``female`` or ``male``; None where a user's own table leaves it open."""
    emotion: str | None
    """One of :data:`intone_lab.catalogue.EMOTIONS`; None for what is none of them, or open."""
    sentence: str
    """What is said, as the corpus numbers it; unique within the corpus only."""
    name: str
    """The published file name without its ending; the path that a user's own table gives."""
    perceived: tuple[float, ...] | None = None
    """Share of listeners who heard each of ``EMOTIONS`` in the voice; None where none was asked."""

    @property
    def key(self) -> str:
        """The same clip's name in every copy of the corpus: ``ravdess/03-01-…``."""
        return f"{self.corpus}/{self.name}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sound file that is not among the clips, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """Every sound file under a root that is of the corpora asked for, or of none."""

    clips: tuple[Clip, ...]
    """Sorted by corpus, speaker and name: the same on every machine."""
    skipped: tuple[Skipped, ...]


def find_clips(root: Path, corpora: Sequence[str] | None = None) -> list[Clip]:
    """Clips under ``root``, sorted; what is skipped goes to the log, a line a reason.

    Takes and raises what :func:`survey` does.
    """
    found = survey(root, corpora)
    log_skipped(found.skipped)
    return list(found.clips)


def log_skipped(skipped: Sequence[Skipped]) -> None:
    """Tell the log what was skipped, a line a reason."""
    for reason, count in sorted(Counter(file.reason for file in skipped).items()):
        example = next(file.path for file in skipped if file.reason == reason)
        _log.warning("skipped %d files, such as %s: %s", count, example, reason)


def survey(root: Path, corpora: Sequence[str] | None = None) -> Survey:
    """Look at every sound file under ``root``.

    ``corpora`` are names of :data:`intone_lab.catalogue.CORPORA`; None means those that are
    there. Raises :class:`CorpusError` if ``root`` is no folder, a name is unknown, or a corpus
    asked for (or, for None, any at all) has no clip.
    """
    wanted = _wanted(corpora)
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder")
    tables = crema_d.Tables(root)
    clips: dict[str, Clip] = {}
    skipped: list[Skipped] = []
    for path in _sound_files(root):
        try:
            clip = _clip(path, tables)
        except NotSpeech as reason:
            skipped.append(Skipped(path, str(reason)))
            continue
        if clip.key in clips:
            skipped.append(Skipped(path, f"another copy of a clip of {clip.corpus}"))
        else:
            clips[clip.key] = clip
    taken = [clip for clip in clips.values() if clip.corpus in wanted]
    _check_complete(root, taken, wanted if corpora is not None else ())
    order = sorted(taken, key=lambda clip: (clip.corpus, clip.speaker, clip.name))
    return Survey(tuple(order), tuple(skipped))


def recording(clip: Clip) -> str:
    """Return the name of what was recorded: one for the clips of :data:`SAME_RECORDING`."""
    return next((same[0] for same in SAME_RECORDING if clip.key in same), clip.key)


def emotions_present(clips: Iterable[Clip]) -> dict[str, tuple[str, ...]]:
    """The emotions that the clips of each corpus hold, in the order of ``EMOTIONS``.

    A few stray clips do not make a class: fewer than :data:`CLASS_CLIPS`, and than
    :data:`CLASS_SHARE` of the corpus. A copy of CREMA-D with 1,720 happy and sad clips and one
    neutral one teaches nothing about neutral; of a user's own thirty clips, three do.
    """
    counts: dict[str, Counter[str | None]] = {}
    for clip in clips:
        counts.setdefault(clip.corpus, Counter())[clip.emotion] += 1
    return {
        corpus: tuple(
            emotion
            for emotion in EMOTIONS
            if count[emotion] >= min(CLASS_CLIPS, CLASS_SHARE * sum(count.values()))
            and count[emotion]
        )
        for corpus, count in counts.items()
    }


def read_audio(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples of a clip, float32 of shape (n,) in [-1, 1], and its rate in Hz.

    Channels are averaged: RAVDESS has five clips that are mono in stereo files. What the file
    is, its content says: TESS has AIFF files named ``.wav``. Raises :class:`CorpusError` for
    whatever cannot be used: no file, no sound, cut short, empty, shorter than one
    sample at the server's rate, samples that are no numbers.
    """
    try:
        # soundfile cannot encode a name that is no UTF-8.
        samples, rate_hz = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
        with path.open("rb") as file:
            missing = missing_bytes(file)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise CorpusError(f"{path} cannot be read: {_why(path, error)}") from error
    if missing:
        raise CorpusError(f"{path} is cut short: at least {missing} bytes of it are missing")
    if not len(samples):
        raise CorpusError(f"{path} holds no audio")
    if len(samples) * SAMPLE_RATE_HZ < rate_hz:
        raise CorpusError(f"{path} is shorter than a sample at {SAMPLE_RATE_HZ} Hz")
    if not np.isfinite(samples).all():
        raise CorpusError(f"{path} holds samples that are no numbers")
    return samples.mean(axis=1, dtype=np.float32), int(rate_hz)


def _why(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(len(_GIT_LFS_POINTER))
    except OSError as failed:
        return failed.strerror or str(failed)
    if start == _GIT_LFS_POINTER:
        return "it is git-lfs's pointer to the sound; `git lfs pull` fetches the sound itself"
    if isinstance(error, soundfile.LibsndfileError):
        return str(error.error_string).removeprefix("Error : ")
    return str(error)


def _wanted(corpora: Sequence[str] | None) -> frozenset[str]:
    if corpora is None:
        return frozenset(CORPORA)
    unknown = sorted(set(corpora) - set(CORPORA))
    if unknown:
        raise CorpusError(f"no corpus {', '.join(unknown)}; there are {', '.join(CORPORA)}")
    return frozenset(corpora)


def _check_complete(root: Path, clips: Sequence[Clip], asked: Iterable[str]) -> None:
    missing = sorted(set(asked) - {clip.corpus for clip in clips})
    if missing:
        raise CorpusError(f"no clips of {', '.join(missing)} under {root}")
    if not clips:
        raise CorpusError(f"no clips of any corpus under {root}")


def _sound_files(root: Path) -> Iterator[Path]:
    for path in sorted(files_below(root)):
        # Archives made on a Mac carry ._ files beside every clip.
        if path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith("."):
            yield path


def _clip(path: Path, tables: crema_d.Tables) -> Clip:
    corpus, labels = _labels(path)
    gender, perceived = labels.gender, None
    if corpus.name == "crema_d":
        gender = tables.gender(labels.speaker)
        perceived = tables.perceived(labels.name)
    return Clip(
        path=path,
        corpus=corpus.name,
        speaker=f"{corpus.name}/{labels.speaker}",
        gender=gender,
        emotion=labels.emotion,
        sentence=labels.sentence,
        name=labels.name,
        perceived=perceived,
    )


def _labels(path: Path) -> tuple[Corpus, Labels]:
    for corpus in CORPORA.values():
        labels = corpus.read_name(path)
        if labels is not None:
            return corpus, labels
    raise NotSpeech("its name is of no corpus known here")
