import numpy as np
import pytest

from intone.core.tflite import StreamingRecogniser
from intone.models import ModelStore


@pytest.fixture(scope="module")
def recogniser() -> StreamingRecogniser:
    model = ModelStore.load()["gru"]
    return StreamingRecogniser(model.card, model.content)


def random_input(recogniser: StreamingRecogniser, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows at levels from whisper to shout, and states that speech before left behind."""
    rng = np.random.default_rng(5)
    shape = recogniser.card.shape
    levels = 10 ** rng.uniform(-4, -0.5, (2, count, 1))
    windows = (rng.standard_normal((2, count, shape.window)) * levels).astype("f4")
    states = np.zeros((count, recogniser.card.state_size), "f4")
    return windows[1], np.asarray(recogniser.step(windows[0], states).states)


def test_a_row_does_not_depend_on_its_batch_to_the_bit(recogniser):
    windows, states = random_input(recogniser, 200)
    together = recogniser.step(windows, states)
    for size in (1, 3, 7, 11, 20, 40, 64, 65):
        parts = [
            recogniser.step(windows[i : i + size], states[i : i + size])
            for i in range(0, 200, size)
        ]
        for field in ("emotion_logits", "gender_logits", "states"):
            joined = np.concatenate([getattr(part, field) for part in parts])
            np.testing.assert_array_equal(joined, getattr(together, field))


def test_shapes_follow_the_card(recogniser):
    windows, states = random_input(recogniser, 5)
    output = recogniser.step(windows, states)
    assert output.emotion_logits.shape == (5, len(recogniser.card.emotions))
    assert output.gender_logits.shape == (5, len(recogniser.card.genders))
    assert np.asarray(output.states).shape == states.shape
    assert all(state.dtype == np.float32 for state in output.states)


def test_the_state_carries_what_was_heard(recogniser):
    windows, states = random_input(recogniser, 2)
    fresh = recogniser.step(windows, np.zeros_like(states))
    later = recogniser.step(windows, states)
    assert not np.array_equal(fresh.emotion_logits, later.emotion_logits)


def test_silence_and_full_scale_stay_finite(recogniser):
    shape = (2, recogniser.card.shape.window)
    windows = np.stack([np.zeros(shape[1], "f4"), np.tile([1.0, -1.0], shape[1])[: shape[1]]])
    states = np.zeros((2, recogniser.card.state_size), "f4")
    for _ in range(100):
        output = recogniser.step(windows.astype("f4"), states)
        states = output.states
    assert np.isfinite(output.emotion_logits).all()
    assert np.isfinite(states).all()
