"""Who is trained on and who is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intone_lab.corpora import Clip

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Split:
    """One training run: its name, and the clips on either side."""

    name: str
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


def by_speaker(
    clips: Sequence[Clip], seed: int, always_train: frozenset[str] = frozenset()
) -> list[Split]:
    """Return :data:`FOLDS` splits in which no speaker stands on both sides.

    Each corpus's speakers are dealt out in turn, women and men apart, so that each fold
    holds its share of every corpus and of both sexes. The corpora in ``always_train`` are
    never held out (two speakers of one sex cannot be folded).
    """
    fold_of = _deal(clips, seed, always_train)
    return [
        Split(
            f"fold{fold + 1}",
            tuple(clip for clip in clips if fold_of.get(clip.speaker) != fold),
            tuple(clip for clip in clips if fold_of.get(clip.speaker) == fold),
        )
        for fold in range(FOLDS)
    ]


def _deal(clips: Sequence[Clip], seed: int, always_train: frozenset[str]) -> dict[str, int]:
    fold_of: dict[str, int] = {}
    corpora = sorted({clip.corpus for clip in clips} - always_train)
    for corpus in corpora:
        # Of its own: who stands where must not depend on which other corpora there are.
        rng = np.random.default_rng([seed, *corpus.encode()])
        # The deal goes on from one to the next: folds differ by one speaker of a corpus at most.
        turn = 0
        for gender in ("female", "male", None):
            speakers = sorted(
                {c.speaker for c in clips if c.corpus == corpus and c.gender == gender}
            )
            for speaker in rng.permutation(speakers):
                fold_of[str(speaker)] = turn % FOLDS
                turn += 1
    return fold_of


def at_random(clips: Sequence[Clip], corpus: str, seed: int, test_share: float = 0.2) -> Split:
    """Return one split of ``corpus`` at random, as published projects do: voices on both sides.

    The other corpora stay in training. Stratified by emotion.
    """
    rng = np.random.default_rng(seed)
    held_out: set[Clip] = set()
    own = [clip for clip in clips if clip.corpus == corpus]
    for emotion in sorted({str(clip.emotion) for clip in own}):
        candidates = [clip for clip in own if str(clip.emotion) == emotion]
        order = rng.permutation(len(candidates))
        held_out.update(candidates[i] for i in order[: round(test_share * len(candidates))])
    return Split(
        f"random-{corpus}",
        tuple(clip for clip in clips if clip not in held_out),
        tuple(clip for clip in clips if clip in held_out),
    )
