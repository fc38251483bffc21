from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from intone.core.resample import Resampler
from intone.types import SAMPLE_RATE_HZ, SAMPLE_RATES_HZ


def tone(rate_hz: int, frequency_hz: float, seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * frequency_hz * time).astype("f4")
    return np.repeat(wave[:, None], channels, axis=1)


def resample(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    stream = Resampler(rate_hz, samples.shape[1])
    return np.concatenate([stream.push(samples), stream.finish()])


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_a_tone_keeps_its_length_pitch_and_level(rate_hz):
    out = resample(tone(rate_hz, 1_000), rate_hz)
    assert abs(len(out) - 16_000) <= 1
    expected = tone(16_000, 1_000)[:15_000]
    # The edges ring; the middle does not.
    np.testing.assert_allclose(out[1_000:15_000], expected[1_000:15_000], atol=1e-3)


@pytest.mark.parametrize("rate_hz", [22_050, 24_000, 32_000, 44_100, 48_000])
def test_what_lies_over_8_khz_does_not_fold_back(rate_hz):
    out = resample(tone(rate_hz, 9_500), rate_hz)
    assert np.sqrt(np.mean(out[1_000:15_000] ** 2)) < 0.5 / np.sqrt(2) / 1_000  # -60 dB


def test_16_khz_passes_untouched():
    samples = tone(16_000, 440, channels=2)
    np.testing.assert_array_equal(resample(samples, 16_000), samples)


def test_finishing_twice_gives_nothing_more():
    stream = Resampler(8_000, 1)
    stream.push(tone(8_000, 440, 0.1))
    assert len(stream.finish())
    assert len(stream.finish()) == 0


@settings(max_examples=30, deadline=None)
@given(
    rate_hz=st.sampled_from(SAMPLE_RATES_HZ),
    channels=st.sampled_from([1, 2]),
    cuts=st.lists(st.integers(0, 4_000), max_size=20),
    seed=st.integers(0, 9),
)
def test_any_split_gives_the_same_samples(rate_hz, channels, cuts, seed):
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (4_000, channels)).astype("f4")
    whole = resample(noise, rate_hz)
    stream = Resampler(rate_hz, channels)
    bounds = [0, *sorted(cuts), len(noise)]
    pieces = [stream.push(noise[a:b]) for a, b in pairwise(bounds)]
    np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()]), whole)


def length_of(samples: int, rate_hz: int) -> int:
    """At 16 kHz, to the nearest sample; the later one of two that are as near."""
    return (2 * samples * SAMPLE_RATE_HZ + rate_hz) // (2 * rate_hz)


ODD_RATE_HZ = 44_099
"""Of which no whole number of samples under a second is one of 16 kHz."""


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from([*SAMPLE_RATES_HZ, ODD_RATE_HZ]),
    channels=st.sampled_from([1, 2]),
    stretches=st.lists(st.integers(0, 6_000), min_size=1, max_size=6),
    chunk=st.integers(1, 2_000),
)
def test_a_flush_gives_what_is_inside_and_what_follows_is_as_if_alone(
    rate_hz, channels, stretches, chunk
):
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (sum(stretches), channels)).astype("f4")
    stream, at, given = Resampler(rate_hz, channels), 0, 0
    for index, samples in enumerate(stretches):
        stretch = noise[at : at + samples]
        at += samples
        pieces = [stream.push(stretch[i : i + chunk]) for i in range(0, samples, chunk)]
        is_last = index == len(stretches) - 1
        out = np.concatenate([*pieces, stream.finish() if is_last else stream.flush()])
        given += len(out)
        assert given == length_of(at, rate_hz)
        alone = resample(stretch, rate_hz)
        common = min(len(out), len(alone))
        assert max(len(out), len(alone)) - common <= 1
        np.testing.assert_array_equal(out[:common], alone[:common])


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, ODD_RATE_HZ])
@pytest.mark.parametrize("samples", [1, 442])
def test_the_clock_does_not_drift_over_thousands_of_flushes(rate_hz, samples):
    stream, given, flushes = Resampler(rate_hz, 1), 0, 2_000
    piece = np.full((samples, 1), 0.25, "f4")
    for _ in range(flushes):
        given += len(stream.push(piece)) + len(stream.flush())
    assert given == length_of(flushes * samples, rate_hz)


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_a_flush_with_nothing_inside_does_nothing(rate_hz):
    samples = tone(rate_hz, 440, channels=2)
    stream = Resampler(rate_hz, 2)
    assert stream.flush().shape == (0, 2)
    first = [stream.push(samples), stream.flush()]
    assert stream.flush().shape == (0, 2)
    second = [stream.push(samples), stream.flush(), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(first), resample(samples, rate_hz))
    np.testing.assert_array_equal(np.concatenate(second), resample(samples, rate_hz))


SLOWER_AND_FASTER = sorted({*SAMPLE_RATES_HZ} - {SAMPLE_RATE_HZ})


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from(SLOWER_AND_FASTER),
    cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=30),
)
def test_how_much_has_come_out_depends_on_how_much_went_in_alone(rate_hz, cuts):
    """As where soxr is handed each piece of 20 ms by itself: nothing comes later, or sooner."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (sum(cuts), 1)).astype("f4")
    stream = Resampler(rate_hz, 1)
    alone = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    piece, handed, at = rate_hz // 50, 0, 0
    for samples in cuts:
        out = stream.push(noise[at : at + samples])
        at += samples
        expected = []
        while handed + piece <= at:
            expected.append(alone.resample_chunk(noise[handed : handed + piece]))
            handed += piece
        np.testing.assert_array_equal(out, np.concatenate([out[:0], *expected]))


@settings(max_examples=60, deadline=None)
@given(
    rate_hz=st.sampled_from(SAMPLE_RATES_HZ),
    cuts=st.lists(
        st.tuples(st.integers(1, 20_000), st.sampled_from([False, False, True])),
        min_size=1,
        max_size=30,
    ),
    some=st.integers(1, 10_000),
)
def test_less_than_is_wanted_brings_fewer(rate_hz, cuts, some):
    stream = Resampler(rate_hz, 1)
    for samples, is_flushed in cuts:
        if is_flushed:
            stream.flush()
        wanted = stream.wanted_for(some)
        assert wanted > 0
        out = stream.push(np.full((samples, 1), 0.25, "f4"))
        assert len(out) < some or samples >= wanted


@pytest.mark.parametrize("rate_hz", SAMPLE_RATES_HZ)
def test_what_is_wanted_for_much_is_most_of_it(rate_hz):
    """Or gathering would gain nothing: soxr holds back 40 to 120 ms."""
    stream = Resampler(rate_hz, 1)
    assert rate_hz <= stream.wanted_for(SAMPLE_RATE_HZ) < 1.2 * rate_hz
