"""The published protocols as data, and who stands on which side of their splits."""

from dataclasses import replace

import pytest
from lab_clips import make_clips

from intone_lab.corpora import SAME_RECORDING, Clip
from intone_lab.protocols.catalogue import PROTOCOLS
from intone_lab.protocols.protocol import FrameFeatures, Recipe, SplitKind
from intone_lab.protocols.splits import Division, divide, own_clips

FOUR = ("ravdess", "crema_d", "savee", "tess")


def corpus_like(name: str) -> list[Clip]:
    """As many voices of each sex as the corpus has, three takes of each emotion."""
    women, men = {"ravdess": (5, 5), "crema_d": (6, 5), "savee": (0, 4), "tess": (2, 0)}[name]
    return make_clips(name, women, men, takes=3)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [clip for name in FOUR for clip in corpus_like(name)]


def divisions_of(name: str, clips: list[Clip], seed: int = 1) -> list[Division]:
    protocol = PROTOCOLS[name]
    return divide(protocol, own_clips(protocol, clips), seed)


def of_kind(divisions: list[Division], kind: SplitKind) -> list[Division]:
    return [division for division in divisions if division.kind is kind]


EVERY_PROTOCOL = pytest.mark.parametrize("name", list(PROTOCOLS))


@EVERY_PROTOCOL
def test_no_take_is_trained_on_and_tested(name, clips):
    for division in divisions_of(name, clips):
        assert division.train
        assert division.test
        assert not set(division.train) & set(division.test)


@EVERY_PROTOCOL
def test_no_clip_and_no_copy_of_it_is_on_both_sides_but_where_that_is_the_point(name, clips):
    for division in divisions_of(name, clips):
        straddling = {t.clip for t in division.train} & {t.clip for t in division.test}
        assert bool(straddling) == (division.kind is SplitKind.LEAKY)


@EVERY_PROTOCOL
def test_test_clips_are_heard_as_they_are_and_training_clips_at_every_speed(name, clips):
    speeds = set(PROTOCOLS[name].recipe.speeds)
    for division in divisions_of(name, clips):
        if division.kind is not SplitKind.LEAKY:
            assert {take.speed for take in division.test} == {1.0}
            one = division.train[0].clip
            assert {take.speed for take in division.train if take.clip == one} == speeds


@EVERY_PROTOCOL
def test_by_speaker_no_voice_is_on_both_sides_and_every_clip_is_tested_once(name, clips):
    divisions = of_kind(divisions_of(name, clips), SplitKind.BY_SPEAKER)
    tested = [take.clip for division in divisions for take in division.test]
    assert sorted(clip.key for clip in tested) == sorted(
        clip.key for clip in own_clips(PROTOCOLS[name], clips)
    )
    for division in divisions:
        trained = {take.clip.speaker for take in division.train}
        assert not trained & {take.clip.speaker for take in division.test}


@EVERY_PROTOCOL
def test_a_random_split_takes_its_share_of_every_emotion_of_every_corpus(name, clips):
    (random,) = of_kind(divisions_of(name, clips), SplitKind.RANDOM)
    own = own_clips(PROTOCOLS[name], clips)
    classes = {(clip.corpus, clip.emotion) for clip in own}
    for corpus, emotion in classes:
        total = sum((clip.corpus, clip.emotion) == (corpus, emotion) for clip in own)
        tested = sum((t.clip.corpus, t.clip.emotion) == (corpus, emotion) for t in random.test)
        assert tested == round(0.2 * total)


@EVERY_PROTOCOL
def test_a_seed_decides_the_split(name, clips):
    assert divisions_of(name, clips) == divisions_of(name, clips)
    assert divisions_of(name, clips)[0] != divisions_of(name, clips, seed=2)[0]


@pytest.mark.parametrize("name", ["tess-lstm", "bilstm-6"])
def test_of_two_voices_each_is_tested_by_what_the_other_taught(name, clips):
    divisions = of_kind(divisions_of(name, clips), SplitKind.BY_SPEAKER)
    voices = [
        ({t.clip.speaker for t in d.train}, {t.clip.speaker for t in d.test}) for d in divisions
    ]
    assert len(voices) == 2
    assert voices[0] == (voices[1][1], voices[1][0])


def test_a_clip_that_was_published_twice_stays_on_one_side():
    first, second = (key.partition("/")[2] for key in SAME_RECORDING[0])
    clips = make_clips("ravdess", 5, 5, takes=2)
    happy = [clip for clip in clips if clip.emotion == "happy"][:2]
    twins = [replace(clip, name=name) for clip, name in zip(happy, (first, second), strict=True)]
    clips = [clip for clip in clips if clip not in happy] + twins
    sides = set()
    for seed in range(20):
        (random,) = of_kind(divisions_of("ravdess-lstm-gru", clips, seed), SplitKind.RANDOM)
        tested = {take.clip.name for take in random.test}
        assert (first in tested) == (second in tested)
        sides.add(first in tested)
    assert sides == {True, False}


def test_a_protocol_takes_its_own_corpora_and_emotions_only(clips):
    own = own_clips(PROTOCOLS["bilstm-6"], clips)
    assert {clip.corpus for clip in own} == {"tess"}
    assert {clip.emotion for clip in own} == set(PROTOCOLS["bilstm-6"].emotions)
    assert len(PROTOCOLS["bilstm-6"].emotions) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"corpora": ("ravdes",)},
        {"emotions": ("bored",)},
        {"architectures": ()},
        {"features": FrameFeatures.MFCC_AND_DESCRIPTORS},
    ],
    ids=str,
)
def test_a_protocol_of_what_does_not_exist_is_refused(change):
    with pytest.raises(ValueError, match=r"no |descriptors"):
        replace(PROTOCOLS["ravdess-cnn-bigru"], **change)


def test_copies_on_both_sides_need_copies():
    protocol = PROTOCOLS["tess-lstm"]
    with pytest.raises(ValueError, match="no copies"):
        replace(protocol, splits=(SplitKind.LEAKY,))


def test_a_teacher_is_not_asked_for_speeds_that_it_does_not_hear():
    protocol = PROTOCOLS["ravdess-cnn-bigru"]
    taught = Recipe(epochs=1, speeds=(0.9, 1.0), teacher_weight=1.0)
    assert replace(protocol, recipe=taught).recipe is taught
    with pytest.raises(ValueError, match=r"speeds of \[0\.9\]"):
        replace(PROTOCOLS["tess-lstm"], recipe=taught)
    with pytest.raises(ValueError, match=r"speeds of \[0\.8\]"):
        replace(protocol, recipe=replace(taught, speeds=(0.8, 1.0)))
