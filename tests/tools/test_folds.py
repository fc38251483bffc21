from collections import Counter
from dataclasses import replace

import pytest
from lab_clips import make_clips

from intone_lab.corpora import SAME_RECORDING
from intone_lab.folds import FOLDS, at_random, by_speaker, compared_corpus, fold_count

CLIPS = [
    *make_clips("ravdess", women=10, men=10),
    *make_clips("emodb", women=4, men=4),
    *make_clips("tess", women=2, men=0),
]
TESS = frozenset({"tess"})


@pytest.mark.parametrize("seed", range(5))
def test_no_speaker_stands_on_both_sides_and_each_is_held_out_once(seed):
    splits = by_speaker(CLIPS, seed, TESS)
    held_out = Counter()
    for split in splits:
        train, test = ({clip.speaker for clip in side} for side in (split.train, split.test))
        assert not train & test
        assert len(split.train) + len(split.test) == len(CLIPS)
        held_out.update(test)
    assert held_out == dict.fromkeys({c.speaker for c in CLIPS if c.corpus != "tess"}, 1)
    assert len(splits) == FOLDS


def test_each_fold_holds_its_share_of_both_sexes():
    for split in by_speaker(CLIPS, 1, TESS):
        speakers = {clip.speaker for clip in split.test if clip.corpus == "ravdess"}
        assert Counter("female" in speaker for speaker in speakers) == {True: 2, False: 2}


def test_the_same_seed_gives_the_same_folds_whatever_the_order_of_the_clips():
    again = by_speaker(CLIPS[::-1], 1, TESS)
    for split, other in zip(by_speaker(CLIPS, 1, TESS), again, strict=True):
        assert set(split.test) == set(other.test)
    assert by_speaker(CLIPS, 1, TESS) != by_speaker(CLIPS, 2, TESS)


def test_a_random_split_has_the_same_voices_on_both_sides_and_all_emotions():
    split = at_random(CLIPS, "ravdess", 1)
    assert {clip.corpus for clip in split.test} == {"ravdess"}
    assert {clip.speaker for clip in split.test} & {clip.speaker for clip in split.train}
    assert set(Counter(clip.emotion for clip in split.test).values()) == {4}
    assert not set(split.train) & set(split.test)


@pytest.mark.parametrize(("women", "folds"), [(1, 0), (2, 2), (4, 4), (6, FOLDS)])
def test_few_speakers_make_few_folds_and_none_is_empty(women, folds):
    clips = [*make_clips("mine", women, 0), *make_clips("other", 1, 0), *make_clips("tess", 2, 0)]
    assert fold_count(clips, TESS) == folds
    splits = by_speaker(clips, 1, TESS)
    assert len(splits) == folds
    assert all(split.test and split.train for split in splits)


def test_the_largest_corpus_is_split_at_random_where_there_is_no_ravdess():
    assert compared_corpus(CLIPS, TESS) == "ravdess"
    assert compared_corpus(make_clips("a", 2, 0) + make_clips("b", 2, 1)) == "b"
    assert compared_corpus(make_clips("a", 2, 0) + make_clips("tess", 2, 0, takes=9), TESS) == "a"


def test_a_speaker_whose_gender_some_clips_leave_open_is_dealt_once():
    clips = make_clips("mine", women=2, men=1)
    clips[::5] = [replace(clip, gender=None) for clip in clips[::5]]
    splits = by_speaker(clips, 1, TESS)
    assert [len({clip.speaker for clip in split.test}) for split in splits] == [1, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_a_recording_that_was_published_twice_stands_on_one_side(seed):
    clips = make_clips("ravdess", women=3, men=3)
    angry = [n for n, clip in enumerate(clips) if clip.emotion == "angry"]
    for place, (_, name) in zip(angry, [key.split("/") for key in SAME_RECORDING[0]], strict=False):
        clips[place] = replace(clips[place], name=name)
    split = at_random(clips, "ravdess", seed, 0.5)
    sides = [
        sum(clip.key in SAME_RECORDING[0] for clip in side) for side in (split.train, split.test)
    ]
    assert sorted(sides) == [0, 2]


def test_who_speaks_in_two_corpora_is_held_out_of_both_at_once():
    phone, studio = (make_clips(corpus, women=6, men=3) for corpus in ("phone", "studio"))
    # Five of the nine in the studio are on the phone, too.
    both = {f"studio/female{n}": f"phone/female{n}" for n in range(5)}
    studio = [replace(clip, speaker=both.get(clip.speaker, clip.speaker)) for clip in studio]
    splits = by_speaker([*phone, *studio], 1)
    for split in splits:
        assert not {c.speaker for c in split.train} & {c.speaker for c in split.test}
        assert {clip.corpus for clip in split.test} == {"phone", "studio"}
    assert sum(len(split.test) for split in splits) == len(phone) + len(studio)
