"""How much there is of what, corpus by corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intone_lab.catalogue import EMOTIONS, GENDERS, corpus_named, in_order
from intone_lab.corpora import Clip
from intone_lab.health import Sound

NO_LABEL = "none"
"""Clips without an emotion of the eight, or of a gender that is not told."""


@dataclass(frozen=True, slots=True)
class Census:
    """One corpus, counted."""

    name: str
    title: str
    licence: str
    clips: int
    """With those that cannot be read."""
    speakers: Mapping[str, int]
    """By gender, in the order of ``GENDERS``, :data:`NO_LABEL` last; none that is zero."""
    emotions: Mapping[str, int]
    """Clips, in the order of ``EMOTIONS``, likewise."""
    duration_s: float
    rates_hz: Mapping[int, int]
    """Clips by sample rate; these two are of the clips that can be read."""


def count(clips: Sequence[Clip], sounds: Sequence[Sound]) -> list[Census]:
    """Count every corpus of ``clips``, in the catalogue's order."""
    return [
        _count(
            name,
            [clip for clip in clips if clip.corpus == name],
            [sound for sound in sounds if sound.clip.corpus == name],
        )
        for name in in_order(clip.corpus for clip in clips)
    ]


def _count(name: str, clips: Sequence[Clip], sounds: Sequence[Sound]) -> Census:
    # A speaker is of the gender that is told of any of the clips.
    gender_of = {clip.speaker: NO_LABEL for clip in clips}
    gender_of |= {clip.speaker: clip.gender for clip in clips if clip.gender is not None}
    rates = Counter(sound.rate_hz for sound in sounds)
    return Census(
        name=name,
        title=corpus_named(name).title,
        licence=corpus_named(name).licence,
        clips=len(clips),
        speakers=_ordered(Counter(gender_of.values()), GENDERS),
        emotions=_ordered(Counter(clip.emotion or NO_LABEL for clip in clips), EMOTIONS),
        duration_s=sum(sound.duration_s for sound in sounds),
        rates_hz={rate_hz: rates[rate_hz] for rate_hz in sorted(rates)},
    )


def _ordered(counts: Counter[str], names: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in (*names, NO_LABEL) if counts[name]}
