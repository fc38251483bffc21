import numpy as np
import pytest

from intone.core.blocks import BlockCutter, BlockShape

SHAPE = BlockShape(advance=4, window=7)


@pytest.mark.parametrize(("samples", "windows"), [(0, 0), (5, 0), (6, 1), (9, 1), (10, 2)])
def test_how_many_windows(samples, windows):
    # One zero stands before the first sample: the window of 7 is full after 6.
    assert len(BlockCutter(SHAPE).push(np.ones(samples, "f4"))) == windows


def test_windows_overlap_and_begin_one_sample_early():
    cutter = BlockCutter(SHAPE)
    samples = np.arange(1, 15, dtype="f4")
    windows = [window for sample in samples for window in cutter.push(sample[None])]
    np.testing.assert_array_equal(
        windows, [[0, 1, 2, 3, 4, 5, 6], [4, 5, 6, 7, 8, 9, 10], [8, 9, 10, 11, 12, 13, 14]]
    )
