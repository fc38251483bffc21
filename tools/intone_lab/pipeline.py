"""From a corpora folder to ``models/<name>``: folds, training, export."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import keras

from intone.settings import EndpointerSettings
from intone_lab import spent
from intone_lab.architectures import ARCHITECTURES, load_model, save_model
from intone_lab.catalogue import CorpusError
from intone_lab.code_version import LARGE, code_version
from intone_lab.company import crowds
from intone_lab.copies import COPIES, TAUGHT, has_copies
from intone_lab.corpora import Clip
from intone_lab.dataset import Example, prepare
from intone_lab.file_version import file_version
from intone_lab.folds import ALWAYS_TRAIN, Split, at_random, by_speaker, compared_corpus
from intone_lab.heads.refit import refit
from intone_lab.heads.settings import RefitSettings
from intone_lab.one_core import multiply_exactly, train_on_one_core
from intone_lab.processes import each_alone
from intone_lab.run_record import FINAL, Weights, export_path
from intone_lab.teacher.heard import hear_all
from intone_lab.teacher.lessons import Lessons
from intone_lab.training import TrainSettings, finish, train
from intone_lab.whole_files import write_whole


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A split's model; its exports lie in the run's folder."""

    split: Split
    int8: bytes
    """The export that ships."""
    seconds: float | None
    """What training took; None where it is logged already."""


class OfClip(Protocol):
    """Something that was heard of a clip."""

    @property
    def clip(self) -> Clip:
        """Whose voice it is."""
        ...

    @property
    def behind(self) -> frozenset[Clip]:
        """Whose voices are mixed in behind."""
        ...


_OfClip = TypeVar("_OfClip", bound=OfClip)


class RunSettings(Protocol):
    """What a run's splits and its folder depend on."""

    @property
    def architecture(self) -> str:
        """The name of what is trained."""
        ...

    @property
    def seed(self) -> int:
        """Decides the splits, among other things."""
        ...

    @property
    def corpora(self) -> tuple[str, ...]:
        """What is trained on."""
        ...

    def as_row(self) -> dict[str, Any]:
        """All of them, flat."""
        ...


def folds(clips: Sequence[Clip], settings: RunSettings, emotions: Collection[str]) -> list[Split]:
    """Return those of :func:`splits` in which no speaker stands on both sides, but the final."""
    own = [c for c in clips if c.emotion in emotions and c.corpus in settings.corpora]
    return by_speaker(own, settings.seed, ALWAYS_TRAIN)


def splits(clips: Sequence[Clip], settings: RunSettings, emotions: Collection[str]) -> list[Split]:
    """Return every split of a complete run: the folds, the random one, and the final one.

    They are of the clips of ``emotions``. Of very few clips there is no random one.
    """
    labelled = [clip for clip in clips if clip.emotion in emotions]
    own = [clip for clip in labelled if clip.corpus in settings.corpora]
    strangers = [clip for clip in labelled if clip.corpus not in settings.corpora]
    random = at_random(own, compared_corpus(own, ALWAYS_TRAIN), settings.seed)
    return [
        *folds(own, settings, emotions),
        *([random] if random.test else []),
        Split(FINAL, tuple(own), tuple(strangers)),
    ]


def run_folder(runs: Path, clips: Sequence[Clip], settings: RunSettings) -> Path:
    """Return where the weights of this very run are kept, so that it can go on after a stop.

    Other labels, speakers or recordings make it another run, and other code that hears them.
    """
    of_clips = [
        (c.key, c.speaker, c.gender, c.emotion, c.perceived, file_version(c.path)) for c in clips
    ]
    # Settings name copies; what those are is in the code.
    heard_with = [asdict(EndpointerSettings()), code_version(LARGE)]
    what = json.dumps([settings.as_row(), of_clips, heard_with], default=str)
    return runs / hashlib.sha256(what.encode()).hexdigest()[:12]


def begin(runs: Path, clips: Sequence[Clip], settings: RunSettings) -> Path:
    """Make the run's folder, with its settings for those who look into it; return it."""
    folder = run_folder(runs, clips, settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(settings.as_row(), indent=2, default=str))
    return folder


def train_all(
    clips: Sequence[Clip], runs: Path, settings: TrainSettings, jobs: int
) -> list[Trained]:
    """Train every split that is not there yet, ``jobs`` at a time, and export them all."""
    begin(runs, clips, settings)
    # Once, before the processes that read it from there.
    examples = prepare(clips, COPIES, runs / "heard")
    emotions = ARCHITECTURES[settings.architecture].emotions
    every_split = splits(clips, settings, emotions)
    _check_heard(examples, every_split)
    if settings.teacher is not None:
        hear_all(clips, TAUGHT, runs / "heard")
    if settings.refit is not None:
        _besides(clips, settings, settings.refit, runs / "heard")
    work = {split.name: (clips, runs, settings, split) for split in every_split}
    return each_alone(_train_one, work, jobs)


def trained_on(examples: Sequence[_OfClip], split: Split) -> list[_OfClip]:
    """Return those of the training side behind which nobody of the other side is heard.

    Not in clips of another emotion either, which stand on neither side. Where voices stand on
    both sides, as in a random split, it is the clips that count.
    """
    wanted, held_out = set(split.train), set(split.test)
    known = {clip.speaker for clip in wanted}
    strangers = {clip.speaker for clip in held_out} - known
    return [
        e
        for e in examples
        if e.clip in wanted
        and e.behind.isdisjoint(held_out)
        and strangers.isdisjoint(clip.speaker for clip in e.behind)
    ]


def _check_heard(examples: Sequence[Example], every_split: Sequence[Split]) -> None:
    """Raise :class:`CorpusError` if a split would be trained on silence."""
    audible = {example.clip for example in examples if example.longest is not None}
    for split in every_split:
        if audible.isdisjoint(split.train):
            held_out = ", ".join(sorted({clip.speaker for clip in split.test}))
            besides = f" besides those of {held_out}" if held_out else ""
            raise CorpusError(f"no speech was heard in any clip{besides}")


def _train_one(clips: Sequence[Clip], runs: Path, settings: TrainSettings, split: Split) -> Trained:
    """Train and export a split, or take both from the run's folder if they are there."""
    folder = run_folder(runs, clips, settings)
    exports = {weights: export_path(folder, split.name, weights) for weights in Weights}
    if not all(path.exists() for path in exports.values()):
        started = time.monotonic()
        train_on_one_core()
        heard = _Heard(clips, runs, settings, split)
        model = _trained_model(clips, runs, settings, split, heard)
        spent.keep(folder, split.name, time.monotonic() - started)
        architecture = ARCHITECTURES[settings.architecture]
        for weights, path in exports.items():
            content = architecture.to_tflite(model, quantised=weights is Weights.INT8)
            write_whole(path, content)
    return Trained(split, exports[Weights.INT8].read_bytes(), spent.kept(folder, split.name))


class _Heard:
    """What a split is trained on, heard once it is needed."""

    def __init__(
        self, clips: Sequence[Clip], runs: Path, settings: TrainSettings, split: Split
    ) -> None:
        self._clips, self._cache, self._settings = clips, runs / "heard", settings
        self._split = split

    @functools.cached_property
    def examples(self) -> list[Example]:
        return trained_on(prepare(self._clips, COPIES, self._cache), self._split)

    @functools.cached_property
    def lessons(self) -> Lessons | None:
        teacher = self._settings.teacher
        if teacher is None:
            return None
        taught = hear_all(self._clips, TAUGHT, self._cache)
        return Lessons(taught, [example.copy_key for example in self.examples], teacher)

    def besides(self, how: RefitSettings) -> list[Example]:
        return trained_on(_besides(self._clips, self._settings, how, self._cache), self._split)


def _besides(
    clips: Sequence[Clip], settings: TrainSettings, how: RefitSettings, cache: Path
) -> list[Example]:
    """Hear the copies that heads are fitted to besides those of training."""
    behind = crowds(folds(clips, settings, ARCHITECTURES[settings.architecture].emotions))
    return prepare([clip for clip in clips if has_copies(clip)], how.besides, cache, behind)


def _trained_model(
    clips: Sequence[Clip], runs: Path, settings: TrainSettings, split: Split, heard: _Heard
) -> keras.Model:
    """Return what ``settings`` make, each step from what is kept of the one before.

    Each in a folder of its own, so that another finish or refit goes on from the same weights.
    """
    path = run_folder(runs, clips, settings) / f"{split.name}.keras"
    if path.exists():
        return load_model(path)
    if settings.refit is not None:
        before = replace(settings, refit=None)
        model = _trained_model(clips, runs, before, split, heard)
        multiply_exactly()
        examples = [*heard.examples, *heard.besides(settings.refit)]
        refit(model, examples, settings, settings.refit)
    elif settings.finish is not None:
        before = replace(settings, finish=None)
        model = _trained_model(clips, runs, before, split, heard)
        finish(model, heard.examples, settings, settings.finish, split.name, heard.lessons)
    else:
        model = train(heard.examples, settings, split.name, heard.lessons)
    save_model(model, path)
    return model
