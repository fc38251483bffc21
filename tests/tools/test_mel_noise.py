from pathlib import Path

import numpy as np
import pytest
import soundfile

from intone.core.features import LogMel, LogMelSettings
from intone_lab import conditions
from intone_lab.conditions import Condition, Noise
from intone_lab.mel_noise import DB, active_power, with_noise

DATA = Path(__file__).parents[1] / "data"
STEADY, BABBLE = np.array([False]), np.array([True])


def speech() -> np.ndarray:
    return soundfile.read(DATA / "female_16k.wav", dtype="float32")[0]


def log_mel(samples: np.ndarray) -> np.ndarray:
    settings = LogMelSettings()
    frames = (len(samples) - 401) // 160
    return LogMel(settings)(samples[None, : settings.window_samples(frames)])


@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_white_noise_is_what_it_would_be_in_the_audio(snr_db, monkeypatch):
    samples = speech()
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype("f4")
    condition = Condition("white", noise=Noise.WHITE, snr_db=snr_db)
    mixed = conditions.add_noise(samples, noise, condition.snr_db)
    assert np.abs(mixed).max() < 1, "turned down, it could not be compared"
    heard = log_mel(mixed).mean(axis=(0, 1))
    monkeypatch.setattr("intone_lab.mel_noise.STEEPEST", 0.0)
    noisy = with_noise(log_mel(samples), np.array([snr_db], "f4"), STEADY, np.random.default_rng(1))
    made = noisy.mean(axis=(0, 1))
    assert np.abs(made - heard).max() < 2 * DB


def test_speech_is_as_loud_as_the_audio_says():
    samples = speech()
    # A frame's energy is a sum over the Hamming window, of mean square 0.4, by the FFT's length.
    expected = conditions.active_power(samples) * 0.397 * 400 / 512 * 257
    found = active_power(np.exp(log_mel(samples)))[0]
    assert 10 * np.log10(found / expected) == pytest.approx(0, abs=3)


@pytest.mark.parametrize("babble", [STEADY, BABBLE])
def test_10_db_less_noise_is_10_db_less_of_it(babble):
    clean = np.repeat(log_mel(speech()), 2, axis=0)
    rows = np.repeat(babble, 2)
    added = [
        np.exp(with_noise(clean, np.full(2, snr, "f4"), rows, np.random.default_rng(4)))
        - np.exp(clean)
        for snr in (20, 10)
    ]
    np.testing.assert_allclose(added[1].sum() / added[0].sum(), 10, rtol=1e-2)


def test_babble_is_made_of_the_rows_and_steady_noise_is_not():
    # Two rows, of which one is silent in the upper half of the bands, and so must its babble be.
    clean = np.full((2, 200, 40), -8.0, "f4")
    clean[:, :, 20:] = -30.0
    snr = np.zeros(2, "f4")
    noisy = with_noise(clean, snr, np.array([True, False]), np.random.default_rng(0))
    assert noisy[0, :, 20:].max() < -28
    assert noisy[1, :, 20:].min() > -28


def test_only_rows_that_are_asked_for_get_babble_and_the_input_is_left_alone():
    clean = np.repeat(log_mel(speech()), 3, axis=0)
    before = clean.copy()
    steady = with_noise(clean, np.full(3, 10, "f4"), np.zeros(3, bool), np.random.default_rng(7))
    some = with_noise(
        clean, np.full(3, 10, "f4"), np.array([False, True, False]), np.random.default_rng(7)
    )
    np.testing.assert_array_equal(clean, before)
    np.testing.assert_array_equal(some[[0, 2]], steady[[0, 2]])
    assert not np.allclose(some[1], steady[1])
