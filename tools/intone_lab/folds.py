"""Who is trained on and who is held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from intone_lab.corpora import Clip, recording

FOLDS = 5

ALWAYS_TRAIN = frozenset({"tess"})
"""Two speakers, both women: there is no fold of TESS without half of its voices."""


@dataclass(frozen=True, slots=True)
class Split:
    """One training run: its name, and the clips on either side."""

    name: str
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


def by_speaker(
    clips: Sequence[Clip], seed: int, always_train: frozenset[str] = frozenset()
) -> list[Split]:
    """Return :func:`fold_count` splits in which no speaker stands on both sides.

    Each corpus's speakers are dealt out in turn, women and men apart, so that each fold
    holds its share of every corpus and of both sexes. The corpora in ``always_train`` are
    never held out (two speakers of one sex cannot be folded).
    """
    folds = fold_count(clips, always_train)
    if not folds:
        return []
    fold_of = _deal(clips, seed, always_train, folds)
    return [
        Split(
            f"fold{fold + 1}",
            tuple(clip for clip in clips if fold_of.get(clip.speaker) != fold),
            tuple(clip for clip in clips if fold_of.get(clip.speaker) == fold),
        )
        for fold in range(folds)
    ]


def fold_count(clips: Sequence[Clip], always_train: frozenset[str] = frozenset()) -> int:
    """Return how many folds there can be: :data:`FOLDS`, or one a speaker if those are fewer.

    The corpus of most speakers decides, so that no fold is empty. 0 if nobody can be held out.
    """
    speakers = {(clip.corpus, clip.speaker) for clip in clips if clip.corpus not in always_train}
    most = max(Counter(corpus for corpus, _ in speakers).values(), default=0)
    return min(FOLDS, most) if most > 1 else 0


def _deal(
    clips: Sequence[Clip], seed: int, always_train: frozenset[str], folds: int
) -> dict[str, int]:
    fold_of: dict[str, int] = {}
    corpora = sorted({clip.corpus for clip in clips} - always_train)
    for corpus in corpora:
        # Of its own: who stands where must not depend on which other corpora there are.
        rng = np.random.default_rng([seed, *corpus.encode()])
        # In turn, from one sex to the next: folds differ by one speaker of a corpus at most.
        gender_of = _genders([clip for clip in clips if clip.corpus == corpus])
        # Of one's own recordings, who speaks in another corpus, too, has a fold already.
        held = Counter(fold_of[name] for name in gender_of if name in fold_of)
        for gender in ("female", "male", None):
            speakers = sorted(name for name, told in gender_of.items() if told == gender)
            for speaker in map(str, rng.permutation(speakers)):
                if speaker not in fold_of:
                    fold_of[speaker] = min(range(folds), key=held.__getitem__)
                    held[fold_of[speaker]] += 1
    return fold_of


def _genders(clips: Iterable[Clip]) -> dict[str, str | None]:
    """Each speaker's gender: the first that any of the clips tells, so that nobody has two."""
    told: dict[str, str | None] = {}
    for clip in clips:
        told[clip.speaker] = told.get(clip.speaker) or clip.gender
    return told


def at_random(clips: Sequence[Clip], corpus: str, seed: int, test_share: float = 0.2) -> Split:
    """Return one split of ``corpus`` at random, as published projects do: voices on both sides.

    The other corpora stay in training. Stratified by emotion; clips of one recording
    (:func:`intone_lab.corpora.recording`) stay together.
    """
    rng = np.random.default_rng(seed)
    held_out: set[str] = set()
    own = [clip for clip in clips if clip.corpus == corpus]
    for emotion in sorted({str(clip.emotion) for clip in own}):
        candidates = [clip for clip in own if str(clip.emotion) == emotion]
        order = rng.permutation(len(candidates))
        drawn = order[: round(test_share * len(candidates))]
        held_out.update(recording(candidates[i]) for i in drawn)
    return Split(
        f"random-{corpus}",
        tuple(clip for clip in clips if recording(clip) not in held_out),
        tuple(clip for clip in clips if recording(clip) in held_out),
    )


def compared_corpus(clips: Sequence[Clip], always_train: frozenset[str] = frozenset()) -> str:
    """Return the corpus that is split at random, too: RAVDESS, as papers do, or the largest."""
    counts = Counter(clip.corpus for clip in clips if clip.corpus not in always_train)
    return "ravdess" if counts["ravdess"] else min(counts, key=lambda name: (-counts[name], name))


def why_not(clips: Sequence[Clip], always_train: frozenset[str] = frozenset()) -> str | None:
    """Say why there is nothing to train or to measure by; None where there is."""
    emotions = {clip.emotion for clip in clips}
    if len(emotions) < 2:
        there = f"all that there are, are {next(iter(emotions))}" if emotions else "there are none"
        return f"clips of two emotions are needed at least, and {there}"
    if not fold_count(clips, always_train):
        return (
            "two speakers of one corpus are needed at least, of whom one can be held out"
            " (TESS's two never are): nobody would know how good the model is"
        )
    return None
