"""What is done to a network once it is trained."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from lab_clips import make_clips, make_examples

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings
from intone_lab.catalogue import EMOTIONS
from intone_lab.recipes import recipe
from intone_lab.training import FinishSettings, TrainSettings, finish, offset_logits

QUIET = AugmentSettings(noise_probability=0.0, time_masks=0, band_masks=0)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_label_that_a_corpus_lacks_is_said_less_often_by_so_much(name):
    architecture = ARCHITECTURES[name]
    model = built(architecture)
    ravdess, tess = make_clips("ravdess", 1, 1), make_clips("tess", 1, 0)
    mixed = make_examples([*ravdess, *(clip for clip in tess if clip.emotion != "calm")])
    before = biases(model)
    offset_logits(model, architecture, mixed, TrainSettings().offsets)
    moved = {"calm": -1.0} if "calm" in architecture.emotions else {}
    assert moves(architecture, model, before) == moved


def test_a_label_that_every_corpus_has_stays_as_it_was_learnt():
    architecture = ARCHITECTURES["gru"]
    model = built(architecture)
    before = biases(model)
    offset_logits(model, architecture, make_examples(make_clips("ravdess", 1, 1)), {"calm": -1.0})
    assert moves(architecture, model, before) == {}


def test_a_finish_teaches_that_a_label_is_not_there_and_leaves_the_offset_as_it_was():
    """*Calm* was masked out on TESS, and is said of its clips until the finish."""
    architecture = ARCHITECTURES["gru"]
    examples = make_examples(make_clips("ravdess", 1, 1) + make_clips("tess", 2, 0, takes=8))
    examples = [e for e in examples if (e.clip.corpus, e.clip.emotion) != ("tess", "calm")]
    tess = np.stack([e.longest[:96] for e in examples if e.clip.corpus == "tess"])
    settings = replace(TrainSettings(), augmentation=QUIET, average_momentum=0.0)
    model = built(architecture)
    offset_logits(model, architecture, examples, {"calm": 5.0})
    before = share_of_calm(model, architecture, tess)
    still = FinishSettings(epochs=1, learning_rate=1e-12, noise_probability=0.0)
    finish(model, examples, settings, still, "still")
    assert share_of_calm(model, architecture, tess) == pytest.approx(before, abs=0.02)
    finish(model, examples, settings, FinishSettings(4, noise_probability=0.0), "finish")
    assert share_of_calm(model, architecture, tess) < before / 4


def share_of_calm(model, architecture, features) -> float:
    nothing_masked = np.zeros((len(features), len(architecture.emotions)), "f4")
    logits = model.predict_on_batch([features, nothing_masked])["emotion"][:, -1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return float((odds[:, EMOTIONS.index("calm")] / odds.sum(axis=1)).mean())


def built(architecture) -> keras.Model:
    keras.utils.set_random_seed(1)
    width, emotions = architecture.features.width, len(architecture.emotions)
    return architecture.build(emotions, 2, np.zeros(width, "f4"), np.ones(width, "f4"), 0.1)


def biases(model) -> np.ndarray:
    return model.get_layer("emotion_logits").get_weights()[1].copy()


def moves(architecture, model, before) -> dict[str, float]:
    moved = zip(architecture.emotions, biases(model) - before, strict=True)
    return {label: float(by) for label, by in moved if by != 0}


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_architecture_has_a_recipe_of_its_own_name(name):
    settings = recipe(name, seed=7)
    assert (settings.architecture, settings.seed) == (name, 7)
    assert settings.epochs > 1


def test_what_answers_at_the_end_hears_fewer_beginnings():
    heard = {name: recipe(name, 1).batches.crop_probability for name in ARCHITECTURES}
    assert max(heard["cnn"], heard["bilstm"]) < min(heard["gru"], heard["lstm"])
