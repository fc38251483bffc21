"""A clip as somebody of another throat might have said it.

Resampling moves pitch, formants and tempo by one ratio, as a tape does. People differ less in
their formants than in their pitch, so the spectrum's envelope is then moved back most of the way
along the frequency axis: the envelope from the low quefrencies of the cepstrum (Oppenheim and
Schafer, "Discrete-Time Signal Processing", on homomorphic deconvolution), a gain a bin.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import istft, stft

from intone.types import SAMPLE_RATE_HZ, FloatArray

PITCH_RATIO = (0.8, 1.25)
"""Drawn evenly in octaves."""

FORMANTS_OF_PITCH = 0.3
"""Power of the pitch's ratio that formants follow with: from men to women pitch rises by about
0.8 octaves and formants by about 0.2 (Peterson and Barney, "Control methods used in a study of
the vowels", 1952)."""

FORMANT_RATIO = (0.93, 1.08)
"""Drawn evenly in octaves, on top of that."""

_FFT_SIZE = 512
_HOP = 128
_QUEFRENCIES = 32
"""Samples: shorter than a period of 400 Hz, so that no harmonic is taken for a formant."""
_MOST_GAIN = np.log(10.0)
"""20 dB either way."""


def in_another_voice(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return float32 ``samples`` (n,) at 16 kHz in a voice of another pitch and other formants.

    It is shorter or longer by the pitch's ratio.
    """
    pitch = _between(PITCH_RATIO, rng)
    formants = pitch**FORMANTS_OF_PITCH * _between(FORMANT_RATIO, rng)
    moved = soxr.resample(samples, SAMPLE_RATE_HZ * pitch, SAMPLE_RATE_HZ)
    return with_formants(np.asarray(moved, np.float32), formants / pitch)


def with_formants(samples: FloatArray, ratio: float) -> FloatArray:
    """Return float32 (n,) whose spectral envelope lies ``ratio`` times as high, at the same pitch.

    What is shorter than a window comes back as it is.
    """
    if len(samples) < _FFT_SIZE:
        return samples
    overlap = _FFT_SIZE - _HOP
    _, _, spectrum = stft(samples, nperseg=_FFT_SIZE, noverlap=overlap)
    envelope = _log_envelope(np.abs(spectrum))
    bins = np.arange(len(envelope))
    source = np.minimum(bins / ratio, bins[-1])
    low = np.minimum(source.astype(int), len(bins) - 2)
    share = (source - low)[:, None]
    moved = envelope[low] * (1 - share) + envelope[low + 1] * share
    gain = np.exp(np.clip(moved - envelope, -_MOST_GAIN, _MOST_GAIN))
    _, heard = istft(spectrum * gain, nperseg=_FFT_SIZE, noverlap=overlap)
    changed: FloatArray = heard[: len(samples)].astype(np.float32)
    return changed


def _log_envelope(magnitude: FloatArray) -> NDArray[np.float64]:
    """Return (bins, frames): the logarithm of the magnitude, without its harmonics."""
    log = np.log(np.maximum(magnitude, 1e-6))
    cepstrum = np.fft.irfft(log, axis=0)
    cepstrum[_QUEFRENCIES : len(cepstrum) - _QUEFRENCIES + 1] = 0.0
    envelope: NDArray[np.float64] = np.fft.rfft(cepstrum, axis=0).real
    return envelope


def _between(ratios: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(ratios))))
