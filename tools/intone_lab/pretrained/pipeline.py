"""From a corpora folder to the pretrained model's exports, those of every split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import track

from intone.types import FloatArray
from intone_lab.catalogue import CorpusError
from intone_lab.copies import AS_IT_IS
from intone_lab.corpora import Clip, emotions_present
from intone_lab.folds import Split
from intone_lab.pipeline import Trained, begin, folds, splits, trained_on
from intone_lab.pretrained.crowds import crowds
from intone_lab.pretrained.files import with_heads
from intone_lab.pretrained.heads import Asked, Heads, Unsought, fit
from intone_lab.pretrained.hearing import HeardCopy, hear_all
from intone_lab.pretrained.settings import HEARD, PRETRAINED, STATISTICS, HeadSettings
from intone_lab.run_record import Weights, export_path
from intone_lab.targets import Targets
from intone_lab.whole_files import write_whole

_SPEEDS = {copy.name: copy.speed for copy in HEARD}
_OTHER_VOICES = {copy.name for copy in HEARD if copy.other_voice}
_UNSOUGHT = {copy.name for copy in HEARD if copy.has_surroundings}


def train_all(clips: Sequence[Clip], runs: Path, settings: HeadSettings) -> list[Trained]:
    """Fit the heads of every split that is not there yet, and export them all.

    Raises :class:`intone_lab.teacher.source.TeacherError` where the networks cannot be fetched,
    :class:`CorpusError` if a split would be trained on silence.
    """
    folder, cache = begin(runs, clips, settings), runs / "heard"
    every_split = splits(clips, settings, PRETRAINED.emotions)
    todo = [split for split in every_split if not _is_there(folder, split)]
    seconds: dict[str, float] = {}
    behind = crowds(folds(clips, settings, PRETRAINED.emotions))
    heard = hear_all(clips, HEARD, behind, cache) if todo else []
    for split in track(todo, "fitting the heads"):
        started = time.monotonic()
        heads = _fit(trained_on(heard, split), settings, split.name)
        seconds[split.name] = time.monotonic() - started
        for weights in Weights:
            content = with_heads(heads, weights, cache)
            write_whole(export_path(folder, split.name, weights), content)
    return [
        Trained(
            split,
            export_path(folder, split.name, Weights.INT8).read_bytes(),
            seconds.get(split.name),
        )
        for split in every_split
    ]


def _is_there(folder: Path, split: Split) -> bool:
    return all(export_path(folder, split.name, weights).exists() for weights in Weights)


def _fit(heard: Sequence[HeardCopy], settings: HeadSettings, name: str) -> Heads:
    if not heard:
        raise CorpusError(f"no speech was heard in any clip that {name} is trained on")
    statistics = np.stack([one.statistics for one in heard])
    targets = Targets((one.clip for one in heard), PRETRAINED.emotions, 0.0, 0.0, settings.absent)
    # Nothing is drawn where nothing is asked for as it was perceived.
    asked = [targets.of(one.clip, np.random.default_rng(0)) for one in heard]
    emotion = Asked(
        np.stack([target.allowed for target in asked]),
        np.stack([target.emotion for target in asked]),
        emotion_weights(heard, settings),
    )
    shares = np.stack([target.gender for target in asked])
    gender = Asked(np.zeros_like(shares), shares, gender_weights(heard, settings))
    copies = Unsought(changes_of(heard), settings.change_penalty)
    # Not of emotion: a corpus that lacks some would be taken to have none but its own.
    corpora = Unsought(corpora_apart(heard), settings.corpus_penalty)
    return Heads(
        fit(statistics, emotion, settings.size_penalty, [copies]),
        fit(statistics, gender, settings.size_penalty, [copies, corpora]),
    )


def changes_of(heard: Sequence[HeardCopy]) -> FloatArray:
    """Return what telephones, rooms, noise and crowds made of clips, float32 (n, statistics).

    Each of a copy's statistics less those of its clip as it is. A change of speed or of voice is
    none of them: it is heard.
    """
    plain = {one.clip: one.statistics for one in heard if one.copy == AS_IT_IS.name}
    changes = [
        one.statistics - plain[one.clip]
        for one in heard
        if one.clip in plain and one.copy in _UNSOUGHT
    ]
    return np.stack(changes) if changes else np.zeros((0, STATISTICS), np.float32)


def corpora_apart(heard: Sequence[HeardCopy]) -> FloatArray:
    """Return what tells corpora apart where the gender is the same, float32 (n, statistics).

    The mean of a corpus's women less that of all corpora's such means, and of men alike, of the
    clips as they are: those of corpora with one sex alone, too.
    """
    means: dict[str, dict[str, list[FloatArray]]] = {}
    for one in heard:
        if one.clip.gender is not None and one.copy == AS_IT_IS.name:
            of_gender = means.setdefault(one.clip.gender, {})
            of_gender.setdefault(one.clip.corpus, []).append(one.statistics)
    apart = [np.zeros((0, STATISTICS), np.float32)]
    for of_gender in means.values():
        of_corpora = np.stack([np.mean(own, axis=0) for own in of_gender.values()])
        apart.append(of_corpora - of_corpora.mean(axis=0))
    return np.concatenate(apart)


def gender_weights(heard: Sequence[HeardCopy], settings: HeadSettings) -> FloatArray:
    """Return how much each counts for gender, float32 (n,).

    Not at all where its formants were moved towards the other gender's.
    """
    return np.array(
        [
            settings.copies.get(one.copy, 1.0) if _hears_gender(one, settings) else 0.0
            for one in heard
        ],
        np.float32,
    )


def _hears_gender(one: HeardCopy, settings: HeadSettings) -> bool:
    # Whose pitch was moved for itself sounds like nobody's gender.
    if one.copy in _OTHER_VOICES or one.clip.gender is None:
        return False
    if one.clip.corpus not in settings.gender_from:
        return False
    speed = _SPEEDS.get(one.copy, 1.0)
    return speed >= 1.0 if one.clip.gender == "female" else speed <= 1.0


def emotion_weights(heard: Sequence[HeardCopy], settings: HeadSettings) -> FloatArray:
    """Return how much each counts for emotion, float32 (n,): a corpus's classes alike.

    A stray clip of an emotion that its corpus does not hold counts for gender alone.
    """
    present = emotions_present({one.clip for one in heard})
    own = [settings.copies.get(one.copy, 1.0) for one in heard]
    classes = [(one.clip.corpus, one.clip.emotion) for one in heard]
    totals: dict[tuple[str, str | None], float] = {}
    for (corpus, emotion), weight in zip(classes, own, strict=True):
        if emotion in present[corpus]:
            totals[corpus, emotion] = totals.get((corpus, emotion), 0.0) + weight
    of_corpora = {
        corpus: sum(total for (other, _), total in totals.items() if other == corpus)
        for corpus in present
    }
    return np.array(
        [
            weight
            * settings.share.get(corpus, 1.0)
            * (of_corpora[corpus] / len(present[corpus]) / totals[corpus, emotion])
            if (corpus, emotion) in totals
            else 0.0
            for (corpus, emotion), weight in zip(classes, own, strict=True)
        ],
        np.float32,
    )
