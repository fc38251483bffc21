"""What heads are fitted to: how much each row counts, and what they are to leave unheard."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from lab_clips import make_clips

from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.heads.rows import (
    Kind,
    Row,
    changes_of,
    corpora_apart,
    emotion_weights,
    fit_heads,
    gender_weights,
)
from intone_lab.heads.settings import HeadFit

WIDTH = 3


def row_of(clip, kind=Kind.AS_IT_IS, level=0.0, weight=1.0, tells_gender=True):
    return Row(clip, kind, np.full(WIDTH, level, np.float32), weight, tells_gender)


def test_changes_are_what_a_copy_is_besides_its_clip():
    one, other = make_clips("ravdess", 1, 0)[:2]
    around = Kind.IN_SURROUNDINGS
    every = [row_of(one, level=1.0), row_of(one, Kind.OTHERWISE, 9.0), row_of(one, around, 3.0)]
    # Of the other clip nothing was heard but this.
    every += [row_of(other, around, 7.0), row_of(one, around, 0.5)]
    assert changes_of(every)[:, 0].tolist() == [2.0, -0.5]
    assert changes_of(every[:2]).shape == (0, WIDTH)


def test_corpora_are_told_apart_within_a_gender():
    def heard(corpus, gender, level, kind=Kind.AS_IT_IS):
        return row_of(replace(make_clips(corpus, 1, 0)[0], gender=gender), kind, level)

    every = [heard("ravdess", "female", 1.0), heard("ravdess", "female", 3.0)]
    every += [heard("tess", "female", 6.0), heard("ravdess", "male", 9.0)]
    every += [heard("ravdess", "male", 50.0, Kind.OTHERWISE), heard("savee", None, 70.0)]
    # Two corpora's women, 2 and 6 on average; one corpus's men, which nothing is apart from.
    assert corpora_apart(every)[:, 0].tolist() == [-2.0, 2.0, 0.0]
    assert corpora_apart(every[-1:]).shape == (0, WIDTH)


def test_gender_counts_where_it_is_told():
    clip = make_clips("ravdess", 1, 0)[0]
    every = [row_of(clip, weight=0.5), row_of(clip, tells_gender=False)]
    assert gender_weights(every).tolist() == [0.5, 0.0]


def test_emotions_of_a_corpus_count_alike_and_a_corpus_its_share():
    clips = make_clips("emodb", 4, 4)
    few = [clip for clip in clips if clip.emotion != "sad"] + [
        clip for clip in clips if clip.emotion == "sad"
    ][:4]
    every = [row_of(clip) for clip in few] + [row_of(few[0], Kind.IN_SURROUNDINGS, weight=0.5)]
    weights = emotion_weights(every, HeadFit().share)
    by_emotion = {
        emotion: sum(
            w for w, one in zip(weights, every, strict=True) if one.clip.emotion == emotion
        )
        for emotion in ("sad", "happy", few[0].emotion)
    }
    assert len({round(total, 3) for total in by_emotion.values()}) == 1
    assert weights.sum() == pytest.approx(2 * 60.5)
    assert weights[-1] == pytest.approx(weights[0] / 2)


def test_heads_say_what_the_statistics_tell():
    clips = [clip for clip in make_clips("ravdess", 2, 2) if clip.emotion in ("happy", "sad")]
    rows = [
        replace(row_of(clip), statistics=np.array([clip.emotion == "sad", tall(clip), 0.5], "f4"))
        for clip in clips
    ]
    heads = fit_heads(rows, EMOTIONS, HeadFit())
    for row in rows:
        said = row.statistics @ heads.emotion[:-1] + heads.emotion[-1]
        assert EMOTIONS[said.argmax()] == row.clip.emotion
        said = row.statistics @ heads.gender[:-1] + heads.gender[-1]
        assert GENDERS[said.argmax()] == row.clip.gender


@pytest.mark.parametrize("corpus", ["own", "emodb"])
def test_an_emotion_that_nobody_has_is_never_said(corpus):
    """Whether it is masked out or wrong at some odds."""
    clips = [clip for clip in make_clips(corpus, 2, 2) if clip.emotion in ("happy", "sad")]
    rng = np.random.default_rng(0)
    rows = [replace(row_of(c), statistics=rng.normal(0, 1, WIDTH).astype("f4")) for c in clips]
    heads = fit_heads(rows, EMOTIONS, HeadFit())
    others = [index for index, name in enumerate(EMOTIONS) if name not in ("happy", "sad")]
    for row in rows:
        said = row.statistics @ heads.emotion[:-1] + heads.emotion[-1]
        assert said[others].max() < said.max() - 15


def tall(clip) -> bool:
    return clip.gender == "male"
