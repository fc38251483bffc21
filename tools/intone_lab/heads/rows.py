"""What heads are fitted to, and how much each row of it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from intone.types import FloatArray
from intone_lab.copies import AS_IT_IS, Copy
from intone_lab.corpora import Clip, emotions_present
from intone_lab.heads.regression import Asked, Heads, Unsought, fit
from intone_lab.heads.settings import HeadFit
from intone_lab.targets import Targets

_NEVER = -20.0
"""The logit of an emotion that no row is: nothing is known of it, and it is not said."""


class Kind(Enum):
    """What was done to a clip before it was heard."""

    AS_IT_IS = "as it is"
    IN_SURROUNDINGS = "in surroundings"
    """A telephone, a room, noise or others besides: the answer must not depend on it."""
    OTHERWISE = "otherwise"
    """Another speed or voice, or a beginning alone: that is heard, and may be."""


def kind_of(copy: Copy) -> Kind:
    """Return what was done to a clip of which this is a copy."""
    if copy.has_surroundings:
        return Kind.IN_SURROUNDINGS
    return Kind.AS_IT_IS if copy == AS_IT_IS else Kind.OTHERWISE


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What a network makes of one copy of a clip."""

    clip: Clip
    kind: Kind
    statistics: FloatArray
    """float32 (statistics,)."""
    weight: float
    """How much it counts, where a clip as it is counts 1."""
    tells_gender: bool
    """See :func:`intone_lab.targets.tells_gender`."""


def fit_heads(rows: Sequence[Row], emotions: Sequence[str], settings: HeadFit) -> Heads:
    """Return the heads of least loss for ``emotions``; one that no row is, is never said.

    Raises :class:`ValueError` for no rows.
    """
    statistics = np.stack([row.statistics for row in rows])
    targets = Targets((row.clip for row in rows), emotions, 0.0, 0.0, settings.absent)
    # Nothing is drawn where nothing is asked for as it was perceived.
    of_clip = {clip: targets.of(clip, np.random.default_rng(0)) for clip in {r.clip for r in rows}}
    asked = [of_clip[row.clip] for row in rows]
    emotion = Asked(
        np.stack([target.allowed for target in asked]),
        np.stack([target.emotion for target in asked]),
        emotion_weights(rows, settings.share),
    )
    shares = np.stack([target.gender for target in asked])
    gender = Asked(np.zeros_like(shares), shares, gender_weights(rows))
    copies = Unsought(changes_of(rows), settings.change_penalty)
    # Not of emotion: a corpus that lacks some would be taken to have none but its own.
    corpora = Unsought(corpora_apart(rows), settings.corpus_penalty)
    heads = Heads(
        fit(statistics, emotion, settings.size_penalty, [copies]),
        fit(statistics, gender, settings.size_penalty, [copies, corpora]),
    )
    of_nobody = ~emotion.shares.any(axis=0)
    heads.emotion[:-1, of_nobody], heads.emotion[-1, of_nobody] = 0.0, _NEVER
    return heads


def changes_of(rows: Sequence[Row]) -> FloatArray:
    """Return what telephones, rooms, noise and crowds made of clips, float32 (n, statistics).

    Each of a copy's statistics less those of its clip as it is.
    """
    plain = {row.clip: row.statistics for row in rows if row.kind is Kind.AS_IT_IS}
    changes = [
        row.statistics - plain[row.clip]
        for row in rows
        if row.clip in plain and row.kind is Kind.IN_SURROUNDINGS
    ]
    return np.stack(changes) if changes else _none(rows)


def corpora_apart(rows: Sequence[Row]) -> FloatArray:
    """Return what tells corpora apart where the gender is the same, float32 (n, statistics).

    The mean of a corpus's women less that of all corpora's such means, and of men alike, of the
    clips as they are: those of corpora with one sex alone, too.
    """
    means: dict[str, dict[str, list[FloatArray]]] = {}
    for row in rows:
        if row.clip.gender is not None and row.kind is Kind.AS_IT_IS:
            of_gender = means.setdefault(row.clip.gender, {})
            of_gender.setdefault(row.clip.corpus, []).append(row.statistics)
    apart = [_none(rows)]
    for of_gender in means.values():
        of_corpora = np.stack([np.mean(own, axis=0) for own in of_gender.values()])
        apart.append(of_corpora - of_corpora.mean(axis=0))
    return np.concatenate(apart)


def _none(rows: Sequence[Row]) -> FloatArray:
    return np.zeros((0, len(rows[0].statistics)), np.float32)


def gender_weights(rows: Sequence[Row]) -> FloatArray:
    """Return how much each counts for gender, float32 (n,)."""
    return np.array([row.weight if row.tells_gender else 0.0 for row in rows], np.float32)


def emotion_weights(rows: Sequence[Row], share: Mapping[str, float]) -> FloatArray:
    """Return how much each counts for emotion, float32 (n,): a corpus's classes alike.

    A stray clip of an emotion that its corpus does not hold counts for gender alone.
    """
    present = emotions_present({row.clip for row in rows})
    classes = [(row.clip.corpus, row.clip.emotion) for row in rows]
    totals: dict[tuple[str, str | None], float] = {}
    for (corpus, emotion), row in zip(classes, rows, strict=True):
        if emotion in present[corpus]:
            totals[corpus, emotion] = totals.get((corpus, emotion), 0.0) + row.weight
    of_corpora = {
        corpus: sum(total for (other, _), total in totals.items() if other == corpus)
        for corpus in present
    }
    return np.array(
        [
            row.weight
            * share.get(corpus, 1.0)
            * (of_corpora[corpus] / len(present[corpus]) / totals[corpus, emotion])
            if (corpus, emotion) in totals
            else 0.0
            for (corpus, emotion), row in zip(classes, rows, strict=True)
        ],
        np.float32,
    )
