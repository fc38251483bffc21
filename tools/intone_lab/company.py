"""Who is heard behind a clip's copies: somebody in the room, and those of a crowd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from intone_lab.conditions import BABBLE_VOICES
from intone_lab.copies import Copy
from intone_lab.corpora import Clip
from intone_lab.folds import Split
from intone_lab.named_random import named_generator

Crowds = Mapping[Clip, tuple[Clip, ...]]
"""A clip each of several other speakers, for each clip that has such."""

NOBODY: Crowds = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Company:
    """A clip and whoever may talk behind it."""

    clip: Clip
    other: Clip
    """In the room."""
    crowd: tuple[Clip, ...] = ()

    def possible(self, copies: Sequence[Copy]) -> tuple[Copy, ...]:
        """Return those of ``copies`` that can be made: none in a crowd without one."""
        return tuple(copy for copy in copies if self.crowd or not copy.has_crowd)

    def behind(self, copy: Copy) -> frozenset[Clip]:
        """Return whose voices are mixed in behind ``copy``."""
        others = frozenset({self.other}) if copy.room else frozenset()
        return others | frozenset(self.crowd if copy.has_crowd else ())


def companies(clips: Sequence[Clip], crowds: Crowds = NOBODY) -> list[Company]:
    """Return who is behind each of ``clips``: their ``crowds``, and in the room another speaker.

    The latter is of the same corpus, half the corpus further on.
    """
    by_corpus: dict[str, list[Clip]] = {}
    for clip in clips:
        by_corpus.setdefault(clip.corpus, []).append(clip)
    others = {}
    for own in by_corpus.values():
        for index, clip in enumerate(own):
            others[clip] = own[(index + len(own) // 2) % len(own)]
    return [Company(clip, others[clip], crowds.get(clip, ())) for clip in clips]


def crowds(folds: Sequence[Split]) -> dict[Clip, tuple[Clip, ...]]:
    """Return a clip each of :data:`BABBLE_VOICES` other speakers, or of as many as there are.

    They are of the clip's own fold, of any corpus: held out where it is and trained on where it
    is, so that no split by speaker loses a copy to whoever is heard behind. There is none for a
    clip whose fold holds nobody else.
    """
    chosen: dict[Clip, tuple[Clip, ...]] = {}
    for split in folds:
        of_speakers: dict[str, list[Clip]] = {}
        for clip in split.test:
            of_speakers.setdefault(clip.speaker, []).append(clip)
        chosen |= {clip: crowd for clip in split.test if (crowd := _crowd(clip, of_speakers))}
    return chosen


def _crowd(clip: Clip, of_speakers: dict[str, list[Clip]]) -> tuple[Clip, ...]:
    others = sorted(set(of_speakers) - {clip.speaker})
    rng = named_generator("crowd", clip.key)
    drawn = rng.permutation(len(others))[:BABBLE_VOICES]
    voices = [of_speakers[others[index]] for index in drawn]
    return tuple(own[int(rng.integers(len(own)))] for own in voices)
