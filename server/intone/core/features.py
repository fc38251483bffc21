"""MFCCs by python_speech_features; nothing else imports it.

The library rebuilds its filterbank and takes one FFT a call, which costs more than the
features. Here its own filterbank and DCT are built once, and the frames of many utterances
go through one FFT and one matrix product each. Equal to ``python_speech_features.mfcc`` on
every full frame (a test holds this to 1e-4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from python_speech_features import base as psf

from intone.errors import SettingsError
from intone.types import SAMPLE_RATE_HZ, FloatArray


@dataclass(frozen=True, slots=True)
class MfccSettings:
    """Arguments of ``python_speech_features.mfcc``; a model's card carries them.

    Input is float32 in [-1, 1], the window Hamming, no liftering, no energy in place of c0.
    """

    frame_samples: int = 400
    hop_samples: int = 160
    fft_size: int = 512
    filters: int = 40
    coefficients: int = 40
    low_hz: int = 0
    high_hz: int = 8_000
    preemphasis: float = 0.97

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= self.frame_samples <= self.fft_size:
            raise SettingsError("features need hop_samples <= frame_samples <= fft_size")
        if not 0 < self.coefficients <= self.filters:
            raise SettingsError("features need coefficients <= filters")
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ // 2:
            raise SettingsError("features need low_hz < high_hz <= 8000")

    def window_samples(self, frames: int) -> int:
        """Samples that ``frames`` frames need, the one before the first included."""
        return (frames - 1) * self.hop_samples + self.frame_samples + 1


class Mfcc:
    """Features of blocks of audio."""

    def __init__(self, settings: MfccSettings) -> None:
        self._settings = settings
        self._hamming = np.hamming(settings.frame_samples)
        filterbank = psf.get_filterbanks(
            settings.filters, settings.fft_size, SAMPLE_RATE_HZ, settings.low_hz, settings.high_hz
        )
        self._filterbank = np.ascontiguousarray(filterbank.T) / settings.fft_size
        dct = psf.dct(np.eye(settings.filters), type=2, axis=1, norm="ortho")
        self._dct = np.ascontiguousarray(dct[:, : settings.coefficients])

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return the MFCCs, float32 (batch, frames, coefficients), of each window.

        ``windows`` is float32 (batch, samples), each starting one sample before its first
        frame (a zero where the utterance begins), which is what pre-emphasis looks back to.
        float64 inside: a float32 FFT loses quiet bands beside loud ones.
        """
        samples = windows.astype(np.float64)
        emphasised = samples[:, 1:] - self._settings.preemphasis * samples[:, :-1]
        frames = np.lib.stride_tricks.sliding_window_view(
            emphasised, self._settings.frame_samples, axis=1
        )[:, :: self._settings.hop_samples]
        spectrum = np.fft.rfft(frames * self._hamming, self._settings.fft_size, axis=2)
        power = spectrum.real**2 + spectrum.imag**2
        # One product a block, all of one shape: a block's bits do not depend on its batch.
        energy = np.matmul(power, self._filterbank)
        log_energy = np.log(np.where(energy == 0, np.finfo(np.float64).eps, energy))
        cepstra: FloatArray = np.matmul(log_energy, self._dct).astype(np.float32)
        return cepstra
