import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter, welch

from intone_lab.other_voice import (
    FORMANT_RATIO,
    FORMANTS_OF_PITCH,
    PITCH_RATIO,
    in_another_voice,
    with_formants,
)

RATE_HZ = 16_000
PITCH_HZ = 125.0
FORMANT_HZ = 1_500.0
BANDWIDTH_HZ = 500.0


def resonating(source: np.ndarray) -> np.ndarray:
    """One formant."""
    radius, angle = np.exp(-np.pi * BANDWIDTH_HZ / RATE_HZ), 2 * np.pi * FORMANT_HZ / RATE_HZ
    heard = lfilter([1.0], [1.0, -2 * radius * np.cos(angle), radius**2], source)
    return (0.5 * heard / np.abs(heard).max()).astype("f4")


@pytest.fixture(scope="module")
def vowel() -> np.ndarray:
    pulses = np.zeros(RATE_HZ)
    pulses[:: int(RATE_HZ / PITCH_HZ)] = 1.0
    return resonating(pulses)


@pytest.fixture(scope="module")
def whisper() -> np.ndarray:
    """Without harmonics, between which a formant cannot be seen."""
    return resonating(np.random.default_rng(1).standard_normal(8 * RATE_HZ))


def pitch_hz(samples) -> float:
    middle = samples[4_000:8_000].astype("f8")
    power = np.abs(np.fft.rfft(middle, 16_384)) ** 2
    correlation = np.fft.irfft(power)
    lags = np.arange(RATE_HZ // 300, RATE_HZ // 70)
    return RATE_HZ / lags[correlation[lags].argmax()]


def formant_hz(samples) -> float:
    """Where most of the power is, over 320 Hz."""
    hz, power = welch(samples.astype("f8"), RATE_HZ, nperseg=1_600)
    return float(hz[np.convolve(power, np.hanning(32), "same").argmax()])


@pytest.mark.parametrize("ratio", [0.85, 0.93, 1.08, 1.15])
def test_formants_move_and_pitch_stays(vowel, whisper, ratio):
    moved = formant_hz(with_formants(whisper, ratio)) / formant_hz(whisper)
    assert moved == pytest.approx(ratio, rel=0.04)
    assert pitch_hz(with_formants(vowel, ratio)) == pytest.approx(PITCH_HZ, rel=0.01)


def test_formants_that_stay_leave_the_samples_as_they_are(vowel):
    np.testing.assert_allclose(with_formants(vowel, 1.0), vowel, atol=1e-5)


def test_what_is_shorter_than_a_window_comes_back(vowel):
    assert (with_formants(vowel[:300], 1.1) == vowel[:300]).all()


@pytest.mark.parametrize("seed", range(6))
def test_pitch_moves_far_and_formants_follow_a_little(vowel, whisper, seed):
    other = in_another_voice(vowel, np.random.default_rng(seed))
    pitch = len(vowel) / len(other)
    assert PITCH_RATIO[0] - 0.01 < pitch < PITCH_RATIO[1] + 0.01
    assert pitch_hz(other) == pytest.approx(PITCH_HZ * pitch, rel=0.02)
    moved = formant_hz(in_another_voice(whisper, np.random.default_rng(seed)))
    followed = moved / formant_hz(whisper) / pitch**FORMANTS_OF_PITCH
    assert FORMANT_RATIO[0] * 0.95 < followed < FORMANT_RATIO[1] * 1.05


def test_a_voice_is_the_same_for_the_same_seed_and_another_for_another(vowel):
    first, again, another = (
        in_another_voice(vowel, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert len(first) != len(another)


@settings(deadline=None)
@given(st.integers(0, 3_000), st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_any_samples_come_to_samples(count, seed, level):
    rng = np.random.default_rng(seed)
    samples = (level * rng.uniform(-1, 1, count)).astype("f4")
    other = in_another_voice(samples, rng)
    assert other.dtype == np.float32
    assert np.isfinite(other).all()
