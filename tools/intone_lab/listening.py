"""Many clips to one model under one condition: in several processes, and kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from intone.core.decision import Calibration
from intone.models import Model
from intone.settings import EndpointerSettings
from intone.types import FloatArray
from intone_lab.catalogue import CorpusError
from intone_lab.code_version import ANSWERING, code_version
from intone_lab.conditions import Condition, Noise, send
from intone_lab.corpora import Clip
from intone_lab.dataset import clip_samples
from intone_lab.evaluation import Heard, Listened, hear
from intone_lab.file_version import FileVersion, file_version
from intone_lab.listened_files import load, save
from intone_lab.processes import fresh_processes

CHUNK_CLIPS = 48
"""Clips of one job: half a second's work, so that processes end together."""
POOL_CLIPS = 24
"""Clips of a corpus that its babble is made of; read once a job."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    model: Model
    condition: Condition
    clips: tuple[Clip, ...]
    pool: tuple[Clip, ...]


@contextlib.contextmanager
def listener(clips: Iterable[Clip], cache: Path | None, jobs: int) -> Iterator[Listener]:
    """Give a :class:`Listener` of ``jobs`` processes, or of this one for a single job."""
    if jobs == 1:
        yield Listener(clips, cache)
        return
    with fresh_processes(jobs) as processes:
        yield Listener(clips, cache, processes)


class Listener:
    """Streams clips to models."""

    def __init__(
        self,
        clips: Iterable[Clip],
        cache: Path | None = None,
        processes: Executor | None = None,
    ) -> None:
        """Take all ``clips`` there are (babble is made of them), and where answers are kept.

        Without ``processes`` everything runs in this one.
        """
        self._pools = _pools(clips)
        self._cache = cache
        self._processes = processes

    def can_send(self, clip: Clip, condition: Condition) -> bool:
        """Whether the condition can be made: babble needs a second speaker in the corpus."""
        pool = self._pools[clip.corpus]
        return condition.noise is not Noise.BABBLE or any(o.speaker != clip.speaker for o in pool)

    def listen(self, model: Model, clips: Sequence[Clip], condition: Condition) -> Listened:
        """Return what ``model`` says of ``clips``.

        The card's calibration is set aside: answers are the model's own. Clips for which
        :meth:`can_send` says no are left out.
        """
        path = self._path(model, clips, condition)
        if path is not None and path.exists():
            return load(path, clips)
        sendable = [clip for clip in clips if self.can_send(clip, condition)]
        jobs = list(self._cut(_uncalibrated(model), sendable, condition))
        rows: list[Heard] = []
        unreadable: list[str] = []
        for heard, faults in self._run(jobs):
            rows += heard
            unreadable += faults
        card = model.card
        listened = Listened(card.emotions, card.genders, tuple(rows), tuple(unreadable))
        if path is not None:
            save(path, listened)
        return listened

    def _run(self, jobs: Sequence[_Job]) -> Iterable[tuple[list[Heard], list[str]]]:
        return self._processes.map(_hear_all, jobs) if self._processes else map(_hear_all, jobs)

    def _cut(self, model: Model, clips: Sequence[Clip], condition: Condition) -> Iterator[_Job]:
        by_corpus: dict[str, list[Clip]] = {}
        for clip in clips:
            by_corpus.setdefault(clip.corpus, []).append(clip)
        for corpus, own in by_corpus.items():
            pool = self._pools[corpus] if condition.noise is Noise.BABBLE else ()
            for start in range(0, len(own), CHUNK_CLIPS):
                chunk = tuple(own[start : start + CHUNK_CLIPS])
                yield _Job(model, condition, chunk, pool)

    def _path(self, model: Model, clips: Sequence[Clip], condition: Condition) -> Path | None:
        if self._cache is None:
            return None
        corpora = sorted({clip.corpus for clip in clips})
        has_babble = condition.noise is Noise.BABBLE
        what = [
            _of_model(model),
            asdict(condition),
            asdict(EndpointerSettings()),
            _versions(clips),
            [_versions(self._pools[corpus]) for corpus in corpora * has_babble],
            code_version(ANSWERING),
        ]
        key = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
        name = f"{model.card.sha256[:8]}-{condition.name.replace(' ', '-')}-{key}.npz"
        return self._cache / name


def _of_model(model: Model) -> list[Any]:
    """What its answers depend on before they are calibrated: the file, and how it is fed."""
    card = model.card
    fed = [msgspec.to_builtins(card.features), card.block_frames, card.longest_frames]
    return [card.sha256, card.kind, fed, card.state_size, card.emotions, card.genders]


def _versions(clips: Sequence[Clip]) -> list[tuple[str, str, FileVersion | None]]:
    """A clip's key is its name; the version tells a file that was put in its place.

    Who speaks decides who may talk behind.
    """
    return [(clip.key, clip.speaker, file_version(clip.path)) for clip in clips]


def _uncalibrated(model: Model) -> Model:
    card = msgspec.structs.replace(
        model.card, emotion_calibration=Calibration(), gender_calibration=Calibration()
    )
    return replace(model, card=card)


def _pools(clips: Iterable[Clip]) -> dict[str, tuple[Clip, ...]]:
    """Choose about :data:`POOL_CLIPS` of each corpus for babble: evenly over its speakers."""
    by_corpus: dict[str, dict[str, list[Clip]]] = {}
    for clip in sorted(clips, key=lambda clip: (clip.corpus, clip.speaker, clip.name)):
        by_corpus.setdefault(clip.corpus, {}).setdefault(clip.speaker, []).append(clip)
    return {corpus: _pool(list(own.values())) for corpus, own in by_corpus.items()}


def _pool(by_speaker: Sequence[Sequence[Clip]]) -> tuple[Clip, ...]:
    chosen = by_speaker[:: -(-len(by_speaker) // POOL_CLIPS)]
    most = -(-POOL_CLIPS // len(chosen))
    return tuple(
        # Each speaker begins at another place: the first clips of all say the same.
        own[(turn * len(own) // each + place * len(own) // len(chosen)) % len(own)]
        for place, own in enumerate(chosen)
        for each in [min(most, len(own))]
        for turn in range(each)
    )


def _hear_all(job: _Job) -> tuple[list[Heard], list[str]]:
    recogniser = job.model.new_recogniser()
    rows, unreadable = [], []
    pool = _readable(job.pool)
    for clip in job.clips:
        voices = [voice for other, voice in pool.items() if other.speaker != clip.speaker]
        try:
            samples = clip_samples(clip)
        except CorpusError as error:
            unreadable.append(str(error))
            continue
        data = send(samples, job.condition, voices, clip.key)
        rows.append(hear(clip, data, job.condition.audio, recogniser))
    return rows, unreadable


def _readable(clips: Sequence[Clip]) -> dict[Clip, FloatArray]:
    """Return the samples of each; what cannot be read is named where it is listened to."""
    found = {}
    for clip in clips:
        with contextlib.suppress(CorpusError):
            found[clip] = clip_samples(clip)
    return found
