import numpy as np
from scipy.fft import dct

from intone_lab.augment import DB, AugmentSettings, augment

NOTHING = AugmentSettings(
    gain_db=0, tilt_db=0, noise_probability=0, warp=0, time_masks=0, band_masks=0
)  # fmt: skip


def speech_like(batch: int = 8, frames: int = 64) -> np.ndarray:
    mel = np.random.default_rng(0).normal(-8, 2, (batch, frames, 40))
    return dct(mel, axis=2, norm="ortho").astype("f4")


def run(settings: AugmentSettings, seed: int = 0) -> np.ndarray:
    return augment(speech_like(), settings, np.random.default_rng(seed))


def mel_of(features: np.ndarray) -> np.ndarray:
    return dct(features, type=3, axis=2, norm="ortho")


def test_nothing_asked_for_changes_nothing():
    np.testing.assert_allclose(run(NOTHING), speech_like(), atol=1e-4)


def test_gain_moves_every_band_alike():
    change = mel_of(run(AugmentSettings(gain_db=6, **quiet("gain_db")))) - mel_of(speech_like())
    per_row = change.reshape(8, -1)
    assert np.ptp(per_row, axis=1).max() < 1e-3
    assert np.abs(per_row).max() <= 6 * DB + 1e-3
    assert np.ptp(per_row[:, 0]) > DB


def test_noise_fills_valleys_and_leaves_peaks():
    settings = AugmentSettings(
        noise_probability=1, snr_db=(20, 20), **quiet("noise_probability", "snr_db")
    )
    clean, noisy = mel_of(speech_like()), mel_of(run(settings))
    raised = noisy - clean
    assert raised.min() > -1e-3
    low, high = clean < np.quantile(clean, 0.05), clean > np.quantile(clean, 0.95)
    assert raised[low].mean() > 5 * raised[high].mean()


def test_the_same_seed_gives_the_same_copy_and_the_input_is_left_alone():
    before = speech_like()
    given = before.copy()
    first = augment(given, AugmentSettings(), np.random.default_rng(3))
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(first, run(AugmentSettings(), 3))
    assert not np.array_equal(first, run(AugmentSettings(), 4))


def quiet(*but: str) -> dict[str, float]:
    return {
        name: 0
        for name in ("gain_db", "tilt_db", "noise_probability", "warp", "time_masks", "band_masks")
        if name not in but
    }


def test_a_longer_vocal_tract_moves_a_formant_down_and_a_shorter_one_up():
    mel = np.zeros((64, 8, 40), "f4")
    mel[:, :, 20] = 10.0
    given = dct(mel, type=2, axis=2, norm="ortho")
    settings = AugmentSettings(warp=0.1, **quiet("warp"))
    peaks = mel_of(augment(given, settings, np.random.default_rng(0))).mean(axis=1).argmax(axis=1)
    assert peaks.min() == 18
    assert peaks.max() == 22
