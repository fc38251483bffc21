"""Heads fitted anew to what a trained network pools."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import keras
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_clips import make_clips, make_examples

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings
from intone_lab.batches import BatchSettings
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.dataset import as_features
from intone_lab.heads.pooled import Pooler
from intone_lab.heads.refit import RefitSettings, refit

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


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_neighbours_and_order_change_nothing(data):
    architecture = ARCHITECTURES["gru"]
    pooler = Pooler(built(architecture), architecture)
    utterances = [example.longest for example in examples_of(architecture)][:6]
    alone = {id(one): pooler.of([one])[0].end for one in utterances}
    some = data.draw(st.lists(st.sampled_from(utterances), min_size=1, max_size=8))
    for one, pooled in zip(some, pooler.of(some), strict=True):
        np.testing.assert_allclose(pooled.end, alone[id(one)], atol=1e-5)


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
    refit(model, examples, architecture, RefitSettings(), BatchSettings(), seed=1)
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
    refit(lowered, examples, architecture, as_it_is, BatchSettings(), seed=1)
    without = replace(as_it_is, fit=replace(as_it_is.fit, absent={}))
    refit(masked, examples, architecture, without, BatchSettings(), seed=1)
    tess = [e for e in examples if e.clip.corpus == "tess"]
    calm = EMOTIONS.index("calm")
    there, not_there = (
        softmax(logits(model, architecture, tess)[0])[:, calm].mean() for model in (masked, lowered)
    )
    assert not_there < there


def softmax(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def test_clips_without_an_emotion_or_without_speech_are_left_out():
    architecture = ARCHITECTURES["gru"]
    examples = examples_of(architecture)
    silent = replace(examples[0], utterances=())
    unnamed = replace(examples[1], clip=replace(examples[1].clip, emotion=None))
    one, other = built(architecture), built(architecture)
    refit(one, examples[2:], architecture, RefitSettings(), BatchSettings(), seed=1)
    refit(
        other, [silent, unnamed, *examples[2:]], architecture, RefitSettings(), BatchSettings(), 1
    )
    for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
