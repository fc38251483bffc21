"""What a run trains on, and which run it is."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
from lab_clips import make_clips, make_examples

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab.catalogue import EMOTIONS
from intone_lab.dataset import Example
from intone_lab.pipeline import run_folder, splits, trained_on
from intone_lab.recipes import recipe

CLIPS = [*make_clips("ravdess", women=3, men=3, takes=2), *make_clips("tess", women=2, men=0)]


def test_nobody_who_is_held_out_is_heard_behind_a_clip_that_is_trained_on():
    plain = make_examples(CLIPS)
    behind = [CLIPS[(n + 17) % len(CLIPS)] for n in range(len(CLIPS))]
    rooms = [
        Example(example.clip, "room", example.utterances, frozenset({background}))
        for example, background in zip(plain, behind, strict=True)
    ]
    for split in splits(CLIPS, recipe("gru", 1), EMOTIONS):
        kept = trained_on([*plain, *rooms], split)
        assert [e.clip for e in kept if not e.behind] == list(split.train)
        held_out = set(split.test)
        assert not any(held_out & {e.clip, *e.behind} for e in kept)
        left_out = {e.clip.key for e in rooms if e not in kept and e.clip not in held_out}
        assert bool(left_out) == bool(held_out)


def test_nor_in_a_clip_that_stands_on_neither_side():
    """Of an emotion that the network does not know, or of none: it is the voice that counts."""
    unlabelled = [replace(clip, emotion=None, name=f"{clip.name}-none") for clip in CLIPS]
    plain = make_examples(CLIPS)
    rooms = [
        Example(example.clip, "room", example.utterances, frozenset({other}))
        for example, other in zip(plain, unlabelled[17:] + unlabelled[:17], strict=True)
    ]
    for split in splits(CLIPS, recipe("gru", 1), EMOTIONS):
        kept = trained_on([*plain, *rooms], split)
        strangers = {c.speaker for c in split.test} - {c.speaker for c in split.train}
        assert not any(c.speaker in strangers for e in kept for c in e.behind)
        behind = {c.speaker for e in rooms if e.clip in set(split.train) for c in e.behind}
        dropped = len(plain) + len(rooms) - len(kept) - 2 * len(split.test)
        assert bool(dropped) == bool(strangers & behind)


@pytest.mark.parametrize("change", ["emotion", "gender", "speaker"])
def test_a_table_that_was_corrected_makes_another_run(tmp_path, change):
    settings = recipe("gru", 1)
    corrected = [replace(CLIPS[0], **{change: "other"}), *CLIPS[1:]]
    assert run_folder(tmp_path, CLIPS, settings) == run_folder(tmp_path, list(CLIPS), settings)
    assert run_folder(tmp_path, CLIPS, settings) != run_folder(tmp_path, corrected, settings)


def test_a_recording_that_was_replaced_makes_another_run(tmp_path):
    path = tmp_path / "a.wav"
    clips = [replace(CLIPS[0], path=path), *CLIPS[1:]]
    folders = set()
    for content in (b"one", b"another"):
        path.write_bytes(content)
        folders.add(run_folder(tmp_path, clips, recipe("gru", 1)))
    assert len(folders) == 2
