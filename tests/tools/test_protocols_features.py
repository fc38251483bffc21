"""Features of whole clips: which part of the clip, and what the descriptors say."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.fft import dct

from intone.core.features import Mfcc, MfccSettings
from intone_lab.architectures import BLOCK_FRAMES
from intone_lab.catalogue import CorpusError
from intone_lab.corpora import Clip
from intone_lab.protocols.descriptors import descriptors
from intone_lab.protocols.features import (
    LONGEST_FRAMES,
    features_of_clip,
    middle,
    prepare,
    settings_of,
)
from intone_lab.protocols.protocol import FrameFeatures
from intone_lab.protocols.splits import Take

SETTINGS = MfccSettings()
WIDTHS = {FrameFeatures.MFCC: 40, FrameFeatures.MFCC_AND_DESCRIPTORS: 45}


def clip_of(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> Clip:
    soundfile.write(path, samples, rate_hz)
    return Clip(path, "tess", "tess/OAF", "female", "happy", "back", path.stem)


def tone(seconds: float, hz: float, rate_hz: int = 16_000, amplitude: float = 0.5) -> np.ndarray:
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype("f4")


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype("f4")


@pytest.mark.parametrize("samples", [2_801, 16_000, 48_000, 48_881, 100_000])
def test_all_of_a_clip_is_taken_but_what_fills_no_block_or_is_over_3_s(samples):
    window = middle(np.arange(1, samples + 1, dtype="f4"), SETTINGS)
    frames = Mfcc(SETTINGS)(window[None])[0]
    assert len(frames) % BLOCK_FRAMES == 0
    assert len(frames) <= LONGEST_FRAMES
    left_before, left_behind = window[0], samples - window[-1]
    assert abs(left_before - left_behind) <= 1
    if samples < 48_881:
        assert left_before + left_behind < BLOCK_FRAMES * SETTINGS.hop_samples


def test_what_is_shorter_than_a_block_is_refused_by_name(tmp_path):
    clip = clip_of(tmp_path / "OAF_back_happy.wav", noise(2_000))
    with pytest.raises(CorpusError, match=r"OAF_back_happy.wav.*shorter than one block"):
        features_of_clip(clip, (1.0,), FrameFeatures.MFCC)


@pytest.mark.parametrize(("features", "width"), WIDTHS.items())
def test_a_copy_at_another_speed_is_longer_or_shorter(tmp_path, features, width):
    clip = clip_of(tmp_path / "a.wav", noise(24_000))
    slow, plain, fast = features_of_clip(clip, (0.8, 1.0, 1.25), features)
    assert len(slow) > len(plain) > len(fast)
    assert {rows.shape[1] for rows in (slow, plain, fast)} == {width}
    assert settings_of(features).width == width


def test_a_clip_at_its_published_rate_is_heard_as_at_16_khz(tmp_path):
    high = clip_of(tmp_path / "a.wav", tone(1.0, hz=500, rate_hz=48_000), 48_000)
    low = clip_of(tmp_path / "b.wav", tone(1.0, hz=500, rate_hz=16_000), 16_000)
    (first,), (second,) = (features_of_clip(c, (1.0,), FrameFeatures.MFCC) for c in (high, low))
    assert first.shape == second.shape
    # Where a sine of 500 Hz has its energy; the other bands hold rounding alone.
    loudest = [
        int((dct(np.eye(40), axis=0, norm="ortho").T @ rows.mean(0)).argmax())
        for rows in (first, second)
    ]
    assert loudest[0] == loudest[1]


def described(samples: np.ndarray) -> np.ndarray:
    return descriptors(np.concatenate([[0.0], samples]).astype("f4"), SETTINGS)


def test_descriptors_of_a_sine_are_what_is_known_of_it():
    rows = described(tone(0.5, hz=1_000))
    level_db, crossings, ratio_db, centroid_khz, bandwidth_khz = rows.mean(axis=0)
    assert level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)
    assert crossings == pytest.approx(2 * 1_000 / 16_000, abs=0.003)
    assert ratio_db > 30
    assert centroid_khz == pytest.approx(1.0, abs=0.05)
    # The window's side lobes, 43 dB down over all of the band; of white noise it is 2.3.
    assert bandwidth_khz < 0.5


def test_a_high_sine_has_its_energy_in_the_upper_band():
    rows = described(tone(0.5, hz=4_000))
    assert rows[:, 2].max() < -30
    assert rows[:, 3].mean() == pytest.approx(4.0, abs=0.05)


def test_descriptors_of_digital_silence_are_finite():
    assert np.isfinite(described(np.zeros(8_000))).all()


def test_descriptors_stand_on_the_frames_of_the_mfccs(tmp_path):
    clip = clip_of(tmp_path / "a.wav", np.concatenate([noise(16_000), np.zeros(16_000, "f4")]))
    (rows,) = features_of_clip(clip, (1.0,), FrameFeatures.MFCC_AND_DESCRIPTORS)
    # Where c0 falls for good, the level falls for good.
    c0, level = rows[:, 0], rows[:, 40]
    falls = [int(np.flatnonzero(column > column.mean())[-1]) for column in (c0, level)]
    assert abs(falls[0] - falls[1]) <= 1


def test_features_are_computed_once_for_all_who_ask(tmp_path):
    clips = [clip_of(tmp_path / f"{n}.wav", noise(16_000 + 3_000 * n, n)) for n in range(3)]
    cache = tmp_path / "cache"
    first = prepare(clips, (0.9, 1.0), FrameFeatures.MFCC, cache, jobs=1)
    assert set(first) == {Take(clip, speed) for clip in clips for speed in (0.9, 1.0)}
    for clip in clips:
        times = clip.path.stat()
        clip.path.write_bytes(bytes(times.st_size))
        os.utime(clip.path, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = prepare(clips, (0.9, 1.0), FrameFeatures.MFCC, cache, jobs=1)
    assert all(np.array_equal(first[take], again[take]) for take in first)
    # Another file in its place is heard anew.
    os.utime(clips[0].path)
    with pytest.raises(CorpusError, match=r"0\.wav cannot be read"):
        prepare(clips, (0.9, 1.0), FrameFeatures.MFCC, cache, jobs=1)
