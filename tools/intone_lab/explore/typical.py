"""Which clip stands for an emotion in the pictures: a plain one, of one voice if possible."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intone.types import FloatArray
from intone_lab.catalogue import EMOTIONS
from intone_lab.explore.descriptors import DESCRIPTORS


def typical_rows(table: pd.DataFrame) -> dict[str, int]:
    """Return the row, counted from 0, of each emotion's typical clip; only emotions there are.

    Typical is what lies nearest to the median of its emotion in its corpus over all descriptors,
    each measured in quartile distances. All are of one speaker, so that pictures differ by
    emotion and not by voice, microphone or room: of those with the most emotions, in the corpus
    with the most clips (a corpus of one clip is its own median), the one whose clips together
    are the most typical. What that speaker has no clip of is taken from the others.
    """
    labelled = table.reset_index(drop=True)
    labelled = labelled[labelled["emotion"].isin(EMOTIONS)]
    if labelled.empty:
        return {}
    labelled = labelled.assign(
        distance=_distances(labelled),
        corpus_clips=labelled.groupby("corpus")["name"].transform("size"),
    )
    # The nearest clip comes first; the name decides between equals, on every machine alike.
    nearest = labelled.sort_values(["distance", "name"])
    own = nearest.groupby(["speaker", "emotion"], sort=True).head(1)
    speakers = own.groupby("speaker").agg(
        emotions=("emotion", "size"), clips=("corpus_clips", "first"), distance=("distance", "sum")
    )
    order = speakers.reset_index().sort_values(
        ["emotions", "clips", "distance", "speaker"], ascending=[False, False, True, True]
    )
    first = own[own["speaker"] == order["speaker"].iloc[0]]
    rows = {**_by_emotion(nearest), **_by_emotion(first)}
    return {emotion: rows[emotion] for emotion in EMOTIONS if emotion in rows}


def _by_emotion(rows: pd.DataFrame) -> dict[str, int]:
    first = rows.drop_duplicates("emotion")
    return {
        str(emotion): int(row) for emotion, row in zip(first["emotion"], first.index, strict=True)
    }


def _distances(table: pd.DataFrame) -> FloatArray:
    """Distance of each clip from the median of its corpus and emotion, (clips,).

    A clip without voice has no pitch and counts as two quartile distances away in it.
    """
    columns = [descriptor.column for descriptor in DESCRIPTORS]
    values = table[columns]
    medians = values.groupby([table["corpus"], table["emotion"]]).transform("median")
    spread = (values.quantile(0.75) - values.quantile(0.25)).replace(0.0, 1.0)
    parts = ((values - medians) / spread).fillna(2.0)
    return np.asarray(np.sqrt((parts**2).sum(axis=1)), np.float64)
