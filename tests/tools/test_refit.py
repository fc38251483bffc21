"""Heads fitted anew to what a trained network pools."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import keras
from lab_clips import make_clips, make_examples
from scipy.fft import dct

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings, augment
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.copies import COPIES, CROWD, NOISE
from intone_lab.dataset import Example, as_features
from intone_lab.heads import refit as heads_refit
from intone_lab.heads.pooled import Pooled, Pooler
from intone_lab.heads.refit import refit
from intone_lab.heads.rows import Kind, Row
from intone_lab.heads.settings import RefitSettings
from intone_lab.training import TrainSettings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def built(architecture) -> keras.Model:
    keras.utils.set_random_seed(1)
    width, emotions = architecture.features.width, len(architecture.emotions)
    return architecture.build(emotions, 2, np.zeros(width, "f4"), np.ones(width, "f4"), 0.1)


def examples_of(architecture, corpora=("ravdess",)):
    clips = [clip for corpus in corpora for clip in make_clips(corpus, 2, 2)]
    return make_examples([clip for clip in clips if clip.emotion in architecture.emotions])


@pytest.fixture(params=["gru", "lstm", "cnn"])
def architecture(request):
    """Two that answer after every step, one that answers at the end, and on other features."""
    return ARCHITECTURES[request.param]


def said(model, architecture, features) -> dict[str, np.ndarray]:
    """The last answer to one whole utterance."""
    inputs = {
        "features": as_features(features[None], architecture.features),
        "allowed": np.zeros((1, len(architecture.emotions)), "f4"),
        "frames": np.array([len(features)], "i4"),
    }
    return {name: rows[0, -1] for name, rows in model.predict_on_batch(inputs).items()}


def test_what_is_pooled_is_what_the_heads_are_given(architecture):
    """At the end, and half of the way, whatever else is in the batch."""
    model = built(architecture)
    utterances = [example.longest for example in examples_of(architecture)]
    every = Pooler(model, architecture).of(utterances)
    kernel, bias = model.get_layer("emotion_logits").get_weights()
    for utterance, pooled in list(zip(utterances, every, strict=True))[:3]:
        expected = said(model, architecture, utterance)["emotion"]
        np.testing.assert_allclose(pooled.end @ kernel + bias, expected, atol=1e-4)
        if architecture.is_streaming:
            beginning = utterance[
                : len(utterance) // architecture.stride // 2 * architecture.stride
            ]
            expected = said(model, architecture, beginning)["emotion"]
            np.testing.assert_allclose(pooled.middle @ kernel + bias, expected, atol=1e-4)
        else:
            assert pooled.middle is None


@pytest.mark.parametrize("name", ["gru", "bilstm", "cnn-bigru"])
def test_neighbours_and_order_change_nothing(name):
    architecture = ARCHITECTURES[name]
    pooler = Pooler(built(architecture), architecture)
    utterances = [example.longest for example in examples_of(architecture)][:5]
    places = [3, 0, 0, 4, 1, 2, 3]
    together = pooler.of([utterances[place] for place in places])
    alone = {place: pooler.of([utterances[place]])[0] for place in range(5)}
    for place, pooled in zip(places, together, strict=True):
        np.testing.assert_allclose(pooled.end, alone[place].end, atol=1e-5)
        assert pooled.end.base is None, "a view keeps its whole batch in memory"
        if architecture.is_streaming:
            np.testing.assert_allclose(pooled.middle, alone[place].middle, atol=1e-5)


def test_what_is_drawn_is_the_same_for_the_same_seed_and_says_how_formants_moved():
    architecture = ARCHITECTURES["gru"]
    pooler = Pooler(built(architecture), architecture)
    utterances = [example.longest for example in examples_of(architecture)][:6]
    moved = replace(AugmentSettings(), warp=0.1)
    first, again = (pooler.of(utterances, moved, np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.end, other.end)
    assert len({one.warp for one in first}) == 6
    assert all(-0.1 <= one.warp <= 0.1 for one in first)
    assert all(one.warp == 0 for one in pooler.of(utterances))


def test_heads_fitted_anew_are_right_where_the_untrained_network_s_own_are_not(architecture):
    model = built(architecture)
    examples = examples_of(architecture)
    before = right(model, architecture, examples)
    refit(model, examples, TrainSettings(architecture.name), RefitSettings())
    emotion, gender = right(model, architecture, examples)
    assert emotion > max(before[0], 0.8)
    assert gender == 1.0


def right(model, architecture, examples) -> tuple[float, float]:
    emotion, gender = logits(model, architecture, examples)
    emotions = [architecture.emotions.index(example.clip.emotion) for example in examples]
    genders = [GENDERS.index(example.clip.gender) for example in examples]
    return np.mean(emotion.argmax(axis=1) == emotions), np.mean(gender.argmax(axis=1) == genders)


def logits(model, architecture, examples) -> tuple[np.ndarray, np.ndarray]:
    pooled = Pooler(model, architecture).of([example.longest for example in examples])
    ends = np.stack([one.end for one in pooled])
    heads = [model.get_layer(name).get_weights() for name in ("emotion_logits", "gender")]
    emotion, gender = (ends @ kernel + bias for kernel, bias in heads)
    return emotion, gender


def test_a_label_that_a_corpus_lacks_is_learnt_not_to_be_there():
    architecture = ARCHITECTURES["gru"]
    examples = examples_of(architecture, ("ravdess", "tess"))
    examples = [e for e in examples if (e.clip.corpus, e.clip.emotion) != ("tess", "calm")]
    lowered, masked = built(architecture), built(architecture)
    as_it_is = RefitSettings()
    refit(lowered, examples, TrainSettings(), as_it_is)
    without = replace(as_it_is, fit=replace(as_it_is.fit, absent={}))
    refit(masked, examples, TrainSettings(), without)
    tess = [e for e in examples if e.clip.corpus == "tess"]
    calm = EMOTIONS.index("calm")
    there, not_there = (
        softmax(logits(model, architecture, tess)[0])[:, calm].mean() for model in (masked, lowered)
    )
    assert not_there < there


def softmax(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def test_gender_is_not_asked_of_formants_moved_towards_the_other():
    """Slower is lower, and so is a positive warp: towards a man's."""
    clips = make_clips("ravdess", 1, 1)
    for clip, lower_tells, higher_tells in ((clips[0], False, True), (clips[-1], True, False)):
        told = {name: rows[0].tells_gender for name, rows in rows_of(clip, warp=0.09).items()}
        assert told["as it is"] == told["telephone"] == told["noise"] == told["crowd"] is True
        assert (told["slow"], told["fast"]) == (lower_tells, higher_tells)
        assert told["moved"] == lower_tells
        assert rows_of(clip, warp=-0.09)["moved"][0].tells_gender == higher_tells
        assert rows_of(clip, warp=0.04)["moved"][0].tells_gender


def test_a_clip_counts_once_its_surroundings_half_and_each_beginning_a_quarter_of_that():
    every = rows_of(make_clips("ravdess", 1, 0)[0], warp=0.0)
    weights = {name: [row.weight for row in rows] for name, rows in every.items()}
    around = ("telephone", "room", "noise", "crowd")
    assert weights == {name: [0.5, 0.125] for name in around} | {
        name: [1.0, 0.25] for name in ("as it is", "slow", "fast", "moved")
    }
    assert [row.kind for row in every["as it is"]] == [Kind.AS_IT_IS, Kind.OTHERWISE]
    for name in around:
        assert [row.kind for row in every[name]] == [Kind.IN_SURROUNDINGS, Kind.OTHERWISE]
    assert [row.statistics[0] for row in every["fast"]] == [1.0, 0.5]


def test_of_a_corpus_of_two_voices_the_clips_are_heard_as_they_are_alone():
    assert set(rows_of(make_clips("tess", 1, 0)[0], warp=0.0)) == {"as it is"}


class Pools:
    """In a pooler's place: whatever it is given, once changed, has these formants."""

    def __init__(self, warp: float) -> None:
        self.warp = warp

    def of(self, utterances, changes=None, _rng=None):
        warp = self.warp if changes is not None and changes.warp else 0.0
        end, middle = np.array([1.0], "f4"), np.array([0.5], "f4")
        return [Pooled(end, middle, warp) for _ in utterances]


def rows_of(clip, warp: float) -> dict[str, list[Row]]:
    """What heads are fitted to of one clip and all of its copies, by their names."""
    copies = {copy.name: copy for copy in (*COPIES, NOISE, CROWD)}
    examples = [Example(clip, name, (np.zeros((96, 40), "f4"),)) for name in copies]
    how, settings = RefitSettings(), TrainSettings()
    assert how.besides == (NOISE, CROWD)
    heard = heads_refit._hear(Pools(warp), examples, copies, settings)
    return {one.name: list(heads_refit._rows(one, how, settings.batches)) for one in heard}


def test_a_positive_warp_moves_a_peak_down():
    """As `_hear` takes it to: by the mel energies themselves."""
    mel = np.zeros((1, 16, 40), "f4")
    mel[:, :, 20] = 5.0
    basis = dct(np.eye(40, dtype="f4"), axis=0, norm="ortho")
    still = replace(
        AugmentSettings(), gain_db=0, tilt_db=0, noise_probability=0, time_masks=0, band_masks=0
    )
    warped = augment(mel @ basis.T, still, np.random.default_rng(0), np.array([0.1], "f4"))
    assert (warped @ basis)[0, 0].argmax() < 20


def test_clips_without_an_emotion_or_without_speech_are_left_out():
    architecture = ARCHITECTURES["gru"]
    examples = examples_of(architecture)
    silent = replace(examples[0], utterances=())
    unnamed = replace(examples[1], clip=replace(examples[1].clip, emotion=None))
    one, other = built(architecture), built(architecture)
    refit(one, examples[2:], TrainSettings(), RefitSettings())
    refit(other, [silent, unnamed, *examples[2:]], TrainSettings(), RefitSettings())
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
