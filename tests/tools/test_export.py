import keras
import numpy as np
import pytest
from lab_clips import make_clips

from intone.core.tflite import streaming
from intone_lab import export
from intone_lab.architectures import ARCHITECTURES, BLOCK_FRAMES, gru
from intone_lab.catalogue import OWN_LICENCE
from intone_lab.pretrained.settings import PRETRAINED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
BLOCKS = 6
GRU = ARCHITECTURES["gru"]


@pytest.fixture(scope="module")
def model():
    """The architecture with random weights, its batch normalisations off their start too."""
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    built = gru.build(40, 8, 2, rng.normal(0, 1, 40), rng.uniform(1, 3, 40), dropout=0.1)
    for name in ("norm1", "norm2"):
        norm = built.get_layer(name)
        norm.set_weights([rng.uniform(0.5, 1.5, w.shape).astype("f4") for w in norm.get_weights()])
    return built


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(4).normal(0, 2, (3, BLOCKS * BLOCK_FRAMES, 40)).astype("f4")


def offline(model, features):
    nothing_masked = np.zeros((len(features), 8), "f4")
    said = model.predict_on_batch({"features": features, "allowed": nothing_masked})
    return said["emotion"], said["gender"]


def streamed(content, features):
    """Logits after each block: (batch, blocks, emotions), (batch, blocks, genders)."""
    recogniser = streaming(export.make_card(content, architecture=GRU), content)
    states = np.zeros((len(features), GRU.state_size), "f4")
    emotion, gender = [], []
    for start in range(0, features.shape[1], BLOCK_FRAMES):
        step = recogniser._run(features[:, start : start + BLOCK_FRAMES], states)
        states = step[2]
        emotion.append(step[0])
        gender.append(step[1])
    return np.stack(emotion, axis=1), np.stack(gender, axis=1)


def test_the_streamed_float_step_equals_keras_over_the_whole_utterance(model, features):
    content = GRU.to_tflite(model, quantised=False)
    whole = offline(model, features)
    every_block = slice(BLOCK_FRAMES // gru.STRIDE - 1, None, BLOCK_FRAMES // gru.STRIDE)
    for ours, theirs in zip(streamed(content, features), whole, strict=True):
        np.testing.assert_allclose(ours, theirs[:, every_block], atol=2e-5)


def test_int8_is_close_and_a_quarter_of_the_size(model, features):
    small, large = (GRU.to_tflite(model, quantised=q) for q in (True, False))
    assert len(small) < 0.3 * len(large)
    for ours, theirs in zip(streamed(small, features), streamed(large, features), strict=True):
        assert np.abs(ours - theirs).max() < 0.05 * np.abs(theirs).max() + 0.02


def test_the_card_of_an_export_is_served(model, tmp_path):
    from intone.models import ModelStore

    content = GRU.to_tflite(model, quantised=True)
    card = export.make_card(content, architecture=GRU, name="mine")
    export.write_model(tmp_path / "mine", content, card)
    loaded = ModelStore.load(tmp_path, ("mine",))["mine"]
    assert loaded.new_recogniser().card.state_size == GRU.state_size


def test_a_model_of_own_recordings_carries_its_owners_terms():
    own = make_clips("mine", 1, 1)
    card = export.make_card(b"", own, architecture=GRU)
    assert [(row.corpus, row.licence) for row in card.training] == [("mine", OWN_LICENCE)]
    assert card.licence == f"mine: {OWN_LICENCE}"
    mixed = export.make_card(b"", [*own, *make_clips("ravdess", 1, 1)], architecture=GRU)
    assert "non-commercial" in mixed.licence
    assert OWN_LICENCE in mixed.licence


def test_weights_of_others_keep_their_licences():
    card = export.make_card(b"", make_clips("ravdess", 1, 1), architecture=PRETRAINED)
    assert "CC BY-NC-SA 4.0" in card.licence
    assert card.licence.endswith("with weights of Resemblyzer (Apache License 2.0)")
