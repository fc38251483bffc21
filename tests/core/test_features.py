from itertools import pairwise

import numpy as np
import pytest
import python_speech_features
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct
from sounds import white_noise

from intone.core.blocks import BlockCutter, BlockShape
from intone.core.features import LogMelSettings, Mfcc, MfccSettings, SampleSettings, extractor
from intone.errors import SettingsError

SETTINGS = MfccSettings()
FRAMES = 16
SHAPE = BlockShape(FRAMES * SETTINGS.hop_samples, SETTINGS.window_samples(FRAMES))
TOLERANCE = 1e-4
"""float32 holds coefficients of about 100 to 1e-5; the rest is float64 on both sides."""


def reference(samples: np.ndarray) -> np.ndarray:
    """MFCCs by the library itself, on the whole signal; the last frame may be padded."""
    return python_speech_features.mfcc(
        samples.astype(np.float64),
        samplerate=16_000,
        winlen=SETTINGS.frame_samples / 16_000,
        winstep=SETTINGS.hop_samples / 16_000,
        numcep=SETTINGS.coefficients,
        nfilt=SETTINGS.filters,
        nfft=SETTINGS.fft_size,
        lowfreq=SETTINGS.low_hz,
        highfreq=SETTINGS.high_hz,
        preemph=SETTINGS.preemphasis,
        ceplifter=0,
        appendEnergy=False,
        winfunc=np.hamming,
    )


def streamed(
    samples: np.ndarray, cuts: list[int], of: MfccSettings | LogMelSettings = SETTINGS
) -> np.ndarray:
    cutter = BlockCutter(SHAPE)
    bounds = [0, *sorted(cuts), len(samples)]
    windows = [w for a, b in pairwise(bounds) for w in cutter.push(samples[a:b])]
    return extractor(of)(np.stack(windows)).reshape(-1, of.width)


def log_mel_reference(samples: np.ndarray, of: LogMelSettings) -> np.ndarray:
    """Filterbank energies by the library itself, on the whole signal, and their logarithm."""
    energies, _ = python_speech_features.fbank(
        samples.astype(np.float64),
        samplerate=16_000,
        winlen=of.frame_samples / 16_000,
        winstep=of.hop_samples / 16_000,
        nfilt=of.filters,
        nfft=of.fft_size,
        lowfreq=of.low_hz,
        highfreq=of.high_hz,
        preemph=of.preemphasis,
        winfunc=np.hamming,
    )
    return np.log(energies)


def signals(data_dir) -> dict[str, np.ndarray]:
    time = np.arange(48_000) / 16_000
    speech, _ = soundfile.read(data_dir / "female_16k.wav", dtype="float32")
    return {
        "noise": white_noise(-20, 3),
        "sweep": (0.5 * np.sin(2 * np.pi * (50 + 1_300 * time) * time)).astype("f4"),
        "silence": np.zeros(48_000, "f4"),
        "mostly silence": np.concatenate([np.zeros(40_000, "f4"), white_noise(-20, 0.5)]),
        "loud beside quiet": np.concatenate([white_noise(-3, 1), white_noise(-80, 1)]),
        "speech": speech,
    }


@pytest.mark.parametrize(
    "name", ["noise", "sweep", "silence", "mostly silence", "loud beside quiet", "speech"]
)
def test_streamed_equals_the_library_on_the_whole_utterance(name, data_dir):
    samples = signals(data_dir)[name]
    ours = streamed(samples, [])
    assert len(ours) >= len(samples) // SETTINGS.hop_samples - FRAMES - 3
    np.testing.assert_allclose(ours, reference(samples)[: len(ours)], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("of", [LogMelSettings(), LogMelSettings(filters=26, high_hz=4_000)])
@pytest.mark.parametrize(
    "name", ["noise", "sweep", "mostly silence", "loud beside quiet", "speech"]
)
def test_log_mel_energies_equal_the_librarys(name, of, data_dir):
    samples = signals(data_dir)[name]
    ours = streamed(samples, [], of)
    assert ours.dtype == np.float32
    expected = log_mel_reference(samples, of)[: len(ours)]
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE, rtol=0)


def test_log_mel_energies_are_what_mfccs_are_the_dct_of(data_dir):
    samples = signals(data_dir)["speech"]
    energies = streamed(samples, [], LogMelSettings())
    cepstra = dct(energies, axis=1, norm="ortho")
    np.testing.assert_allclose(cepstra, streamed(samples, []), atol=TOLERANCE)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 16_000), max_size=30))
def test_any_split_gives_the_same_features(cuts):
    samples = white_noise(-30, 1)
    np.testing.assert_array_equal(streamed(samples, cuts), streamed(samples, []))


def test_a_block_does_not_depend_on_its_batch():
    windows = white_noise(-30, 60 * SHAPE.window / 16_000).reshape(60, -1)
    mfcc = Mfcc(SETTINGS)
    alone = np.concatenate([mfcc(window[None]) for window in windows])
    np.testing.assert_array_equal(mfcc(windows), alone)


@pytest.mark.parametrize(
    "wrong",
    [{"hop_samples": 500}, {"fft_size": 256}, {"coefficients": 41}, {"high_hz": 9_000}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(SettingsError):
        MfccSettings(**wrong)


@pytest.mark.parametrize("wrong", [{"hop_samples": 0}, {"filters": 0}, {"low_hz": -1}])
def test_nonsense_is_refused_of_log_mel_energies_too(wrong):
    with pytest.raises(SettingsError):
        LogMelSettings(**wrong)


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, 9_000), max_size=6),
    hop=st.integers(1, 400),
    frames=st.integers(1, 20),
)
def test_samples_come_out_as_they_went_in(cuts, hop, frames):
    """Whatever the cuts and blocks: all that fills a block, once and in order."""
    samples = white_noise(-20.0, 9_000 / 16_000)
    wanted = SampleSettings(hop_samples=hop)
    cutter = BlockCutter(BlockShape(frames * hop, wanted.window_samples(frames)))
    bounds = [0, *sorted(cuts), len(samples)]
    windows = [w for a, b in pairwise(bounds) for w in cutter.push(samples[a:b])]
    nothing = np.zeros((0, frames * hop + 1), np.float32)
    blocks = extractor(wanted)(np.concatenate([nothing, *(w[None] for w in windows)]))
    assert blocks.shape == (len(samples) // (frames * hop), frames, hop)
    np.testing.assert_array_equal(blocks.reshape(-1), samples[: blocks.size])


@pytest.mark.parametrize("hop", [0, -1, 16_001])
def test_nonsense_is_refused_of_samples_too(hop):
    with pytest.raises(SettingsError):
        SampleSettings(hop_samples=hop)


def test_other_features_are_refused():
    with pytest.raises(TypeError):
        extractor("mfcc")
