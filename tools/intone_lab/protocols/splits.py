"""Which copies of which clips are trained on, and which are tested."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from intone_lab.corpora import Clip, recording
from intone_lab.folds import by_speaker
from intone_lab.protocols.protocol import Protocol, SplitKind

_Item = TypeVar("_Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Take:
    """A clip at one speed."""

    clip: Clip
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Division:
    """One training run: its name, its kind, and the takes on either side."""

    name: str
    kind: SplitKind
    train: tuple[Take, ...]
    test: tuple[Take, ...]


def divide(protocol: Protocol, clips: Sequence[Clip], seed: int) -> list[Division]:
    """Return every division of ``protocol``: one at random, one a fold, the leaky one if asked.

    ``clips`` are the protocol's own (:func:`own_clips`).
    """
    makers: dict[SplitKind, Callable[[], list[Division]]] = {
        SplitKind.RANDOM: lambda: [_random(protocol, clips, seed)],
        SplitKind.BY_SPEAKER: lambda: _by_speaker(protocol, clips, seed),
        SplitKind.LEAKY: lambda: [_leaky(protocol, clips, seed)],
    }
    return [division for kind in protocol.splits for division in makers[kind]()]


def own_clips(protocol: Protocol, clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips that the protocol is about: its corpora, its emotions."""
    return [
        clip
        for clip in clips
        if clip.corpus in protocol.corpora and clip.emotion in protocol.emotions
    ]


def _random(protocol: Protocol, clips: Sequence[Clip], seed: int) -> Division:
    test = _stratified(clips, recording, _class_of, protocol.test_share, seed)
    kept = [clip for clip in clips if clip not in test]
    held_out = [clip for clip in clips if clip in test]
    return _divided("random", SplitKind.RANDOM, protocol, kept, held_out)


def _by_speaker(protocol: Protocol, clips: Sequence[Clip], seed: int) -> list[Division]:
    # Fewer voices than folds (TESS) leave folds that test nobody: they are no division.
    return [
        _divided(split.name, SplitKind.BY_SPEAKER, protocol, split.train, split.test)
        for split in by_speaker(clips, seed)
        if split.test and split.train
    ]


def _leaky(protocol: Protocol, clips: Sequence[Clip], seed: int) -> Division:
    takes = [Take(clip, speed) for clip in clips for speed in protocol.recipe.speeds]
    test = _stratified(takes, lambda t: t, lambda t: _class_of(t.clip), protocol.test_share, seed)
    return Division(
        "leaky",
        SplitKind.LEAKY,
        tuple(take for take in takes if take not in test),
        tuple(take for take in takes if take in test),
    )


def _divided(
    name: str, kind: SplitKind, protocol: Protocol, train: Sequence[Clip], test: Sequence[Clip]
) -> Division:
    """Copies of training clips are trained on; test clips are tested as they are."""
    return Division(
        name,
        kind,
        tuple(Take(clip, speed) for clip in train for speed in protocol.recipe.speeds),
        tuple(Take(clip) for clip in test),
    )


def _class_of(clip: Clip) -> tuple[str, str]:
    return clip.corpus, str(clip.emotion)


def _stratified(
    items: Sequence[_Item],
    group_of: Callable[[_Item], Hashable],
    class_of: Callable[[_Item], Hashable],
    share: float,
    seed: int,
) -> set[_Item]:
    """Draw ``share`` of every class; the items of a group stay together."""
    rng = np.random.default_rng(seed)
    classes: dict[Hashable, dict[Hashable, list[_Item]]] = {}
    for item in items:
        classes.setdefault(class_of(item), {}).setdefault(group_of(item), []).append(item)
    drawn: set[_Item] = set()
    for groups in classes.values():
        members = list(groups.values())
        order = rng.permutation(len(members))
        for index in order[: round(share * len(members))]:
            drawn.update(members[index])
    return drawn
