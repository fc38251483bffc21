"""Models that answer at the end: neither company nor history changes an answer."""

import numpy as np
import pytest

from intone.core.recogniser import UtteranceRecogniser
from intone.core.tflite import streaming
from intone.core.tflite_utterance import utterance
from intone.errors import ModelError
from intone.models import ModelStore, load_model

NAMES = ("bilstm", "cnn", "cnn-bigru")


@pytest.fixture(scope="module", params=NAMES)
def recogniser(request, random_models):
    return load_model(random_models / request.param).new_recogniser()


def sound(recogniser, blocks, seed=5):
    """Windows of one utterance, at levels from whisper to shout."""
    rng = np.random.default_rng(seed)
    levels = 10 ** rng.uniform(-4, -0.5, (blocks, 1))
    return (rng.standard_normal((blocks, recogniser.card.shape.window)) * levels).astype("f4")


def gathered(recogniser, windows):
    """The state of an utterance that is stepped alone."""
    state = np.zeros(recogniser.card.state_size, "f4")
    for window in windows:
        state = recogniser.step(window[np.newaxis], [state]).states[0]
    return state


def same(one, other):
    return np.array_equal(one.emotion_logits, other.emotion_logits) and np.array_equal(
        one.gender_logits, other.gender_logits
    )


def test_it_answers_once_with_the_cards_labels(recogniser):
    output = recogniser.step(sound(recogniser, 1), [np.zeros(0, "f4")])
    assert output.scores == [None]
    answer = recogniser.finish(output.states[0])
    assert answer.emotion_logits.shape == (len(recogniser.card.emotions),)
    assert answer.gender_logits.shape == (len(recogniser.card.genders),)
    assert isinstance(recogniser, UtteranceRecogniser)


def test_the_state_is_the_features_so_far(recogniser):
    card, windows = recogniser.card, sound(recogniser, 7)
    state = gathered(recogniser, windows)
    assert state.dtype == np.float32
    assert state.shape == (7 * card.block_frames * card.features.width,)
    np.testing.assert_array_equal(state[: len(state) // 7], gathered(recogniser, windows[:1]))


def test_what_is_gathered_in_company_is_what_is_gathered_alone(recogniser):
    sounds = [sound(recogniser, 6, seed) for seed in range(9)]
    alone = [gathered(recogniser, windows) for windows in sounds]
    # Not all at the same block: the utterances of a batch are of all lengths.
    together = [gathered(recogniser, windows[: i % 3]) for i, windows in enumerate(sounds)]
    for block in range(6):
        due = [i for i in range(9) if block >= i % 3]
        windows = np.stack([sounds[i][block] for i in due])
        output = recogniser.step(windows, [together[i] for i in due])
        for i, state in zip(due, output.states, strict=True):
            together[i] = state
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_answer_does_not_depend_on_what_was_answered_before(recogniser, random_models):
    states = [gathered(recogniser, sound(recogniser, blocks)) for blocks in (3, 93, 1, 19, 3, 60)]
    answers = [recogniser.finish(state) for state in states]
    for state, answer in zip(states, answers, strict=True):
        fresh = load_model(random_models / recogniser.card.name).new_recogniser()
        assert same(fresh.finish(state), answer)
    assert same(answers[0], answers[4])
    assert not same(answers[0], answers[1])


def test_memory_that_cannot_be_had_for_one_length_is_asked_for_anew_for_the_next(
    random_models, monkeypatch
):
    recogniser = load_model(random_models / "cnn").new_recogniser()
    state = gathered(recogniser, sound(recogniser, 2))
    expected = recogniser.finish(state)
    network = recogniser._network
    with monkeypatch.context() as patched:
        broken = Refusing(network._interpreter)
        patched.setattr(network, "_interpreter", broken)
        with pytest.raises(RuntimeError, match="no memory"):
            recogniser.finish(gathered(recogniser, sound(recogniser, 3)))
    assert same(recogniser.finish(state), expected)


class Refusing:
    """An interpreter that is resized and then has no memory."""

    def __init__(self, interpreter):
        self.resize_tensor_input = interpreter.resize_tensor_input

    def allocate_tensors(self):
        raise RuntimeError("no memory")


def test_the_order_of_the_blocks_is_heard(recogniser):
    windows = sound(recogniser, 12)
    forward, backward = (gathered(recogniser, w) for w in (windows, windows[::-1]))
    assert not same(recogniser.finish(forward), recogniser.finish(backward))


def test_silence_and_full_scale_stay_finite(recogniser):
    window = recogniser.card.shape.window
    for block in (np.zeros(window, "f4"), np.tile([1.0, -1.0], window)[:window].astype("f4")):
        answer = recogniser.finish(gathered(recogniser, [block] * 40))
        assert np.isfinite(answer.emotion_logits).all()
        assert np.isfinite(answer.gender_logits).all()


def test_an_utterance_over_the_cards_longest_is_refused(recogniser):
    card = recogniser.card
    state = gathered(recogniser, sound(recogniser, card.longest_frames // card.block_frames))
    recogniser.finish(state)
    with pytest.raises(ValueError, match="over 1500 frames"):
        recogniser.step(sound(recogniser, 1), [state])


def test_a_file_is_refused_by_the_other_kind(random_models):
    gru, bilstm = ModelStore.load()["gru"], load_model(random_models / "bilstm")
    with pytest.raises(ModelError, match="longest_frames"):
        utterance(gru.card, gru.content)
    with pytest.raises(ModelError, match="longest_frames"):
        streaming(bilstm.card, bilstm.content)
    with pytest.raises(ModelError, match="it has 2 inputs, not 1"):
        utterance(bilstm.card, gru.content)
    with pytest.raises(ModelError, match="it has 1 inputs, not 2"):
        streaming(gru.card, bilstm.content)
