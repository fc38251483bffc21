"""Who is heard behind a clip's copies, and the copies that are heard with them."""

from dataclasses import replace
from importlib.util import find_spec
from shutil import which

import numpy as np
import pytest
from lab_clips import make_clips, speak_corpus

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab.catalogue import EMOTIONS
from intone_lab.company import Company, companies, crowds
from intone_lab.copies import COPIES, CROWD, NOISE
from intone_lab.corpora import find_clips
from intone_lab.dataset import prepare
from intone_lab.pipeline import folds
from intone_lab.recipes import recipe


def test_a_crowd_is_of_other_speakers_of_the_clip_s_own_fold():
    clips = [*make_clips("ravdess", 10, 10), *make_clips("emodb", 3, 2), *make_clips("tess", 2, 0)]
    by_speaker = folds(clips, recipe("gru", 1), EMOTIONS)
    chosen = crowds(by_speaker)
    assert crowds(list(reversed(by_speaker))) == chosen
    assert set(chosen) == {clip for clip in clips if clip.corpus != "tess"}
    assert len(set(chosen.values())) > len(chosen) / 2
    for clip, crowd in chosen.items():
        # Of five folds, one holds 2 women and 2 men of the one corpus and one of the other.
        assert len({voice.speaker for voice in crowd} - {clip.speaker}) == len(crowd) == 4
        for split in by_speaker:
            assert {voice in split.test for voice in crowd} == {clip in split.test}


def test_nobody_else_in_the_fold_is_no_crowd():
    clips = make_clips("own", 1, 1)
    assert crowds(folds(clips, replace(recipe("gru", 1), corpora=("own",)), EMOTIONS)) == {}


def test_a_copy_has_behind_it_whom_it_is_made_with_and_none_is_made_without_a_crowd():
    clip, *others = make_clips("ravdess", 1, 0)
    alone, company = Company(clip, others[0]), Company(clip, others[0], tuple(others[1:3]))
    assert alone.possible((*COPIES, NOISE, CROWD)) == (*COPIES, NOISE)
    assert company.possible((*COPIES, CROWD)) == (*COPIES, CROWD)
    behind = {copy.name: company.behind(copy) for copy in (*COPIES, NOISE, CROWD)}
    quiet = dict.fromkeys(("as it is", "slow", "fast", "telephone", "noise"), frozenset())
    assert behind == quiet | {"room": {others[0]}, "crowd": set(others[1:3])}


def test_in_the_room_is_another_speaker_of_the_same_corpus():
    clips = [*make_clips("ravdess", 2, 2), *make_clips("savee", 0, 2)]
    for one, again in zip(companies(clips), companies(clips), strict=True):
        assert one == again
        assert one.other.corpus == one.clip.corpus
        assert one.other.speaker != one.clip.speaker
        assert one.crowd == ()


@pytest.mark.skipif(which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_copies_in_noise_and_in_a_crowd_are_heard_as_others_are_and_kept(tmp_path):
    """Another crowd is another hearing; a clip without one has no such copy."""
    speak_corpus(tmp_path / "corpora", actors=3, emotions=1)
    clips = sorted(find_clips(tmp_path / "corpora"), key=lambda clip: clip.key)
    behind = {clips[0]: (clips[1],), clips[1]: (clips[0], clips[2])}
    cache = tmp_path / "cache"

    def heard(behind):
        return {e.copy_key: e for e in prepare(clips, (NOISE, CROWD), cache, behind)}

    first = heard(behind)
    assert set(first) == {(clip.key, NOISE.name) for clip in clips} | {
        (clip.key, CROWD.name) for clip in behind
    }
    for clip, crowd in behind.items():
        assert first[clip.key, CROWD.name].behind == set(crowd)
        assert first[clip.key, NOISE.name].behind == set()
    kept = list(cache.iterdir())
    for key, again in heard(behind).items():
        np.testing.assert_array_equal(again.longest, first[key].longest)
    assert list(cache.iterdir()) == kept
    other = heard(behind | {clips[0]: (clips[2],)})
    assert len(list(cache.iterdir())) == 2
    key = clips[0].key, CROWD.name
    assert not np.array_equal(other[key].longest, first[key].longest)
