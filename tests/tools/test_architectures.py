"""Every architecture: built, trained a step, exported, and served as it was trained."""

import keras
import numpy as np
import pytest
from random_models import build

from intone.core.features import extractor
from intone.core.recogniser import UtteranceRecogniser
from intone.models import load_model
from intone_lab import export
from intone_lab.architectures import (
    ARCHITECTURES,
    BLOCK_FRAMES,
    SEVEN_EMOTIONS,
    SIX_EMOTIONS,
    save_model,
)
from intone_lab.architectures import load_model as load_keras
from intone_lab.catalogue import EMOTIONS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
UTTERANCE_NAMES = tuple(name for name, one in ARCHITECTURES.items() if not one.is_streaming)
BLOCKS = 19
"""3 s."""


@pytest.fixture(scope="module", params=tuple(ARCHITECTURES))
def architecture(request):
    return ARCHITECTURES[request.param]


@pytest.fixture(scope="module")
def model(architecture):
    return build(architecture, len(architecture.emotions))


@pytest.fixture(scope="module")
def exported(architecture, model):
    """Contents by whether they are quantised."""
    return {quantised: architecture.to_tflite(model, quantised=quantised) for quantised in (0, 1)}


def some(architecture, batch, frames, seed=4):
    shape = (batch, frames, architecture.features.width)
    return np.random.default_rng(seed).normal(0, 2, shape).astype("f4")


def offline(model, features, frames=None):
    """Last answers of Keras on whole utterances: (batch, emotions), (batch, genders)."""
    frames = [features.shape[1]] * len(features) if frames is None else frames
    said = model.predict_on_batch(
        {
            "features": features,
            "allowed": np.zeros((len(features), model.output["emotion"].shape[-1]), "f4"),
            "frames": np.array(frames, "i4"),
        }
    )
    return said["emotion"][:, -1], said["gender"][:, -1]


def served(recogniser, windows):
    """What the server's core says of one utterance: (emotions,), (genders,)."""
    state = np.zeros(recogniser.card.state_size, "f4")
    for window in windows:
        output = recogniser.step(window[np.newaxis], [state])
        state, scores = output.states[0], output.scores[0]
    if isinstance(recogniser, UtteranceRecogniser):
        scores = recogniser.finish(state)
    return scores.emotion_logits, scores.gender_logits


def recogniser_of(architecture, content, folder, emotions=None):
    card = export.make_card(content, architecture=architecture, emotions=emotions)
    export.write_model(folder / card.name, content, card)
    return load_model(folder / card.name).new_recogniser()


def test_it_trains_a_step(architecture):
    count = len(architecture.emotions)
    model = build(architecture, count)
    answers = architecture.answers(96)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"emotion": loss, "gender": loss})
    rng = np.random.default_rng(1)
    before = [weights.copy() for weights in model.get_weights()]
    inputs = {
        "features": some(architecture, 4, 96),
        "allowed": np.zeros((4, count), "f4"),
        "frames": np.array([96, 80, 64, 48], "i4"),
    }
    targets = {
        "emotion": np.eye(count, dtype="f4")[rng.integers(0, count, (4, answers))],
        "gender": np.eye(2, dtype="f4")[rng.integers(0, 2, (4, answers))],
    }
    weights = {head: np.ones((4, answers), "f4") for head in targets}
    found = model.train_on_batch(inputs, targets, weights)
    assert np.isfinite(found).all()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    trained = [
        not np.array_equal(one, other)
        for one, other in zip(before, model.get_weights(), strict=True)
    ]
    assert sum(trained) >= len(model.trainable_weights)


def test_a_class_that_is_not_allowed_gets_nothing(architecture, model):
    allowed = np.zeros((1, len(architecture.emotions)), "f4")
    allowed[0, 2] = -1e9
    said = model.predict_on_batch(
        {
            "features": some(architecture, 1, 64),
            "allowed": allowed,
            "frames": np.array([64], "i4"),
        }
    )
    assert (said["emotion"][..., 2] < -1e8).all()
    assert (said["emotion"][..., :2] > -1e3).all()


@pytest.mark.parametrize("name", UTTERANCE_NAMES)
def test_padding_does_not_change_an_answer(name):
    architecture = ARCHITECTURES[name]
    model = build(architecture, 8)
    lengths = (16, 100, 192, 256)
    padded = some(architecture, len(lengths), 256)
    # Loud nonsense behind the end: silence there would prove less.
    for row, frames in enumerate(lengths):
        padded[row, frames:] *= 100
    together = offline(model, padded, lengths)
    for row, frames in enumerate(lengths):
        alone = offline(model, padded[row : row + 1, :frames])
        for ours, theirs in zip(together, alone, strict=True):
            np.testing.assert_allclose(ours[row], theirs[0], atol=1e-5)


@pytest.mark.parametrize("name", UTTERANCE_NAMES)
def test_padding_does_not_change_what_is_learnt(name):
    architecture = ARCHITECTURES[name]
    learnt = []
    for scale in (1.0, 100.0):
        model = build(architecture, 8)
        features = some(architecture, 3, 128)
        features[:, 64:] *= scale
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), {"emotion": loss, "gender": loss})
        keras.utils.set_random_seed(1)
        model.train_on_batch(
            {
                "features": features,
                "allowed": np.zeros((3, 8), "f4"),
                "frames": np.full(3, 64, "i4"),
            },
            {
                "emotion": np.eye(8, dtype="f4")[:3, None],
                "gender": np.eye(2, dtype="f4")[:1, None][[0] * 3],
            },
        )
        learnt.append(model.get_weights())
    for one, other in zip(*learnt, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_is_served_is_what_was_trained(architecture, model, exported, tmp_path):
    recogniser = recogniser_of(architecture, exported[False], tmp_path)
    shape = recogniser.card.shape
    rng = np.random.default_rng(6)
    for blocks in (1, 6, BLOCKS, 93):
        samples = rng.normal(0, 0.1, blocks * shape.advance + shape.window).astype("f4")
        windows = np.lib.stride_tricks.sliding_window_view(samples, shape.window)[
            : blocks * shape.advance : shape.advance
        ]
        features = extractor(architecture.features)(windows)
        whole = offline(model, features.reshape(1, -1, architecture.features.width))
        for ours, theirs in zip(served(recogniser, windows), whole, strict=True):
            np.testing.assert_allclose(ours, theirs[0], atol=1e-3)


def test_int8_is_close_and_a_third_of_the_size_at_most(architecture, exported, tmp_path):
    assert len(exported[True]) < 0.35 * len(exported[False])
    small, large = (
        recogniser_of(architecture, exported[quantised], tmp_path) for quantised in (True, False)
    )
    rng = np.random.default_rng(7)
    windows = rng.normal(0, 0.1, (BLOCKS, small.card.shape.window)).astype("f4")
    for ours, theirs in zip(served(small, windows), served(large, windows), strict=True):
        assert np.abs(ours - theirs).max() < 0.05 * np.abs(theirs).max() + 0.02


def test_no_operation_needs_more_than_the_runtime_has(exported):
    for content in exported.values():
        assert b"Flex" not in content


@pytest.mark.parametrize("emotions", [SIX_EMOTIONS, SEVEN_EMOTIONS, EMOTIONS], ids=len)
def test_its_card_carries_its_emotions(architecture, emotions, tmp_path):
    content = architecture.to_tflite(build(architecture, len(emotions)), quantised=True)
    recogniser = recogniser_of(architecture, content, tmp_path, emotions)
    assert recogniser.card.emotions == emotions
    assert recogniser.card.kind == architecture.kind
    assert recogniser.card.answers_at_end == (not architecture.is_streaming)
    emotion, gender = served(recogniser, np.zeros((2, recogniser.card.shape.window), "f4"))
    assert (len(emotion), len(gender)) == (len(emotions), 2)


def test_a_saved_model_comes_back(architecture, model, tmp_path):
    save_model(model, tmp_path / "kept.keras")
    features = some(architecture, 2, 64)
    back = load_keras(tmp_path / "kept.keras")
    for ours, theirs in zip(offline(back, features), offline(model, features), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    # The export asks for layers by name.
    assert [layer.name for layer in back.layers] == [layer.name for layer in model.layers]


def test_blocks_are_whole_steps_of_every_architecture(architecture):
    assert BLOCK_FRAMES % architecture.stride == 0
    assert architecture.answers(BLOCK_FRAMES) >= 1
