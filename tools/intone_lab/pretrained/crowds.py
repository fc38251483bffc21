"""Who talks behind a clip's copy in a crowd."""

from __future__ import annotations

from collections.abc import Sequence

from intone_lab.conditions import BABBLE_VOICES
from intone_lab.corpora import Clip
from intone_lab.folds import Split
from intone_lab.named_random import named_generator


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
