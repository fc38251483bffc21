"""Descriptors against what they are of sounds that can be worked out on paper."""

from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("librosa") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from sounds import pulses, white_noise

from intone.errors import SettingsError
from intone_lab.explore import acoustics
from intone_lab.explore.acoustics import PITCH_CLASSES, RATE_HZ, FrameSettings
from intone_lab.explore.clip_picture import amplitude_spectrum
from intone_lab.explore.descriptors import DESCRIPTORS, Indescribable, by_frame, describe

FRAMES = FrameSettings()
PER_CENT = 0.01


def sine(hz, amplitude=0.5, seconds=1.0, rate_hz=RATE_HZ):
    return (
        amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)
    ).astype("f4")


@pytest.mark.parametrize("hz", [110, 220, 440])
def test_a_sine_has_its_level_crossings_centroid_and_pitch(hz):
    row = describe(sine(hz), FRAMES)
    assert row["rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=PER_CENT)
    assert row["zero_crossing_rate_mean"] == pytest.approx(2 * hz / RATE_HZ, rel=PER_CENT)
    assert row["spectral_centroid_hz_mean"] == pytest.approx(hz, rel=PER_CENT)
    assert row["pitch_hz_mean"] == pytest.approx(hz, rel=PER_CENT)
    assert row["active_s"] == row["voiced_s"] == pytest.approx(1, abs=0.064)
    # The window's main lobe is all the width there is: 4 bins of 15.6 Hz.
    assert row["spectral_bandwidth_hz_mean"] < 31
    # What is the same in every frame has no spread.
    assert row["rms_std"] < 0.01 * row["rms_mean"]
    assert row["spectral_centroid_hz_std"] < 1


@pytest.mark.parametrize(("low", "high"), [(0.4, 0.1), (0.2, 0.2), (0.05, 0.4)])
def test_two_sines_have_the_band_ratio_centroid_and_bandwidth_of_their_weights(low, high):
    # Both lie on a bin, so that the window spreads them alike.
    samples = sine(1_000, low) + sine(3_000, high)
    row = describe(samples, FRAMES)
    assert row["band_energy_ratio_db_mean"] == pytest.approx(20 * np.log10(low / high), abs=0.05)
    share = high / (low + high)
    assert row["spectral_centroid_hz_mean"] == pytest.approx(1_000 + 2_000 * share, rel=PER_CENT)
    spread_hz = 2_000 * np.sqrt(share * (1 - share))
    assert row["spectral_bandwidth_hz_mean"] == pytest.approx(spread_hz, rel=PER_CENT)
    assert row["rms_mean"] == pytest.approx(np.sqrt((low**2 + high**2) / 2), rel=PER_CENT)


def test_the_band_ratio_splits_where_it_is_told_and_the_split_is_high():
    at_split = sine(2_000)
    spectra = acoustics.magnitudes(at_split, FRAMES)
    # Of the window's three bins the middle and the upper are high: 1² + ½² over ½², squared.
    ratio_db = acoustics.band_energy_ratio_db(spectra, FRAMES)
    np.testing.assert_allclose(ratio_db, 10 * np.log10(0.25 / 1.25), atol=0.01)
    split_above = FrameSettings(split_hz=2_500)
    assert acoustics.band_energy_ratio_db(spectra, split_above).min() > 60


def test_a_spectrum_peaks_at_the_amplitude_of_a_sine():
    spectra = acoustics.magnitudes(sine(1_000, 0.3), FRAMES)
    np.testing.assert_allclose(spectra.max(axis=0), 0.3, rtol=1e-3)
    frequencies, amplitudes = amplitude_spectrum(sine(1_000, 0.3))
    assert frequencies[amplitudes.argmax()] == 1_000
    assert amplitudes.max() == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize(("hz", "note"), [(440.0, "a"), (261.63, "c"), (622.25, "d_sharp")])
def test_a_note_is_strongest_in_its_pitch_class(hz, note):
    row = describe(sine(hz), FRAMES)
    means = {name: row[f"chroma_{name}_mean"] for name in PITCH_CLASSES}
    assert max(means, key=means.__getitem__) == note
    assert row["chroma_spread"] > 2 * describe(white_noise(-20, 1.0), FRAMES)["chroma_spread"]


@pytest.mark.parametrize("hz", [90.0, 150.0, 260.0])
def test_a_buzz_with_harmonics_has_its_own_pitch_not_an_octave_of_it(hz):
    assert describe(pulses(hz, 1.0), FRAMES)["pitch_hz_mean"] == pytest.approx(hz, rel=PER_CENT)


def test_noise_has_no_pitch_and_the_centroid_of_a_flat_spectrum():
    row = describe(white_noise(-20, 2.0), FRAMES)
    assert row["voiced_s"] < 0.2
    assert row["spectral_centroid_hz_mean"] == pytest.approx(RATE_HZ / 4, rel=0.03)
    # A flat density over 8 kHz, in Hz: its width over the square root of 12.
    assert row["spectral_bandwidth_hz_mean"] == pytest.approx(8_000 / np.sqrt(12), rel=0.03)
    assert row["zero_crossing_rate_mean"] == pytest.approx(0.5, rel=0.03)
    low, high = 2_000, 6_000
    assert row["band_energy_ratio_db_mean"] == pytest.approx(10 * np.log10(low / high), abs=0.3)


def test_pauses_do_not_count():
    pause = np.zeros(RATE_HZ, "f4")
    alone, within = sine(220), np.concatenate([pause, sine(220), pause])
    row, padded = describe(alone, FRAMES), describe(within, FRAMES)
    assert padded["active_s"] == pytest.approx(1, abs=0.1)
    # Frames half in the pause are quieter: three of sixty at each end.
    assert padded["rms_mean"] == pytest.approx(row["rms_mean"], rel=0.05)
    assert padded["pitch_hz_mean"] == pytest.approx(row["pitch_hz_mean"], rel=PER_CENT)
    frames = by_frame(within, FRAMES)
    assert np.isnan(frames.pitch_hz[:50]).all()
    assert np.isfinite(frames.pitch_hz[65:115]).all()


def test_every_frame_has_every_descriptor():
    frames = by_frame(sine(220, seconds=0.5), FRAMES)
    count = 1 + (RATE_HZ // 2 - FRAMES.frame_samples) // FRAMES.hop_samples
    assert frames.chroma.shape == (12, count)
    for name in ("rms", "zero_crossing_rate", "pitch_hz", "is_active", "band_energy_ratio_db"):
        assert getattr(frames, name).shape == (count,)


def test_the_row_has_the_columns_that_are_described():
    row = describe(sine(220), FRAMES)
    assert {descriptor.column for descriptor in DESCRIPTORS} <= row.keys()
    assert all(isinstance(value, float) for value in row.values())
    assert row.keys() == describe(white_noise(-30, 0.5), FRAMES).keys()


@pytest.mark.parametrize("rate_hz", [8_000, 24_414, 44_100, 48_000])
def test_a_clip_sounds_the_same_from_every_rate(rate_hz):
    samples = acoustics.at_rate(sine(440, rate_hz=rate_hz), rate_hz)
    assert samples.dtype == np.float32
    row = describe(samples, FRAMES)
    assert row["pitch_hz_mean"] == pytest.approx(440, rel=PER_CENT)
    assert row["rms_mean"] == pytest.approx(0.5 / np.sqrt(2), rel=PER_CENT)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(RATE_HZ, "f4"), "silent"),
        (sine(220, 0.0009), "silent"),
        (sine(220)[: FRAMES.frame_samples - 1], "shorter than one frame of 64 ms"),
        (np.zeros(0, "f4"), "shorter"),
        (np.full(RATE_HZ, np.nan, "f4"), "not finite"),
        # All the sound lies in the tail that no frame covers.
        (np.append(np.zeros(FRAMES.frame_samples, "f4"), np.ones(100, "f4")), "silent"),
    ],
)
def test_what_cannot_be_described_says_why(samples, reason):
    with pytest.raises(Indescribable, match=reason):
        describe(samples, FRAMES)


def test_one_frame_is_enough():
    row = describe(sine(220)[: FRAMES.frame_samples], FRAMES)
    assert row["rms_mean"] == pytest.approx(0.354, rel=0.02)
    assert row["rms_std"] == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        {"hop_samples": 0},
        {"hop_samples": 2_048},
        {"split_hz": 8_000},
        {"pitch_low_hz": 20},
        {"pitch_high_hz": 50},
        {"active_within_db": 0.0},
    ],
)
def test_settings_refuse_nonsense(nonsense):
    with pytest.raises(SettingsError):
        FrameSettings(**nonsense)
