import numpy as np
import pytest

from intone.core.framing import FRAME_SAMPLES, Framer

N = FRAME_SAMPLES


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 0), (1, 0), (N - 1, 0), (N, 1), (N + 1, 1), (2 * N, 2), (3 * N, 3)]
)
def test_whole_frames_come_out(samples, frames):
    assert Framer(1).push(np.zeros((samples, 1), "f4")).shape == (frames, 1, N)


def test_leftovers_are_carried_sample_for_sample():
    samples = np.arange(5 * N * 2, dtype="f4").reshape(-1, 2)
    framer = Framer(2)
    frames = np.concatenate([framer.push(samples[i : i + 7]) for i in range(0, len(samples), 7)])
    assert frames.shape == (5, 2, N)
    np.testing.assert_array_equal(frames.transpose(0, 2, 1).reshape(-1, 2), samples)
