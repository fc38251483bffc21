"""MFCCs and log-mel energies by python_speech_features; nothing else imports it.

The library rebuilds its filterbank and takes one FFT a call, which costs more than the
features. Here its own filterbank and DCT are built once, and the frames of many utterances
go through one FFT and one matrix product each. Equal to the library's ``mfcc``, or to the
logarithm of its ``fbank``, on every full frame (tests hold this to 1e-4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from python_speech_features import base as psf

from intone.errors import SettingsError
from intone.types import SAMPLE_RATE_HZ, FloatArray

Extract = Callable[[FloatArray], FloatArray]
"""Windows, float32 (batch, samples), to features, float32 (batch, frames, width).

Each window starts one sample before its first frame (a zero where the utterance begins),
which is what pre-emphasis looks back to.
"""


class FeatureSettings:
    """What a model's features are; its card carries them."""

    __slots__ = ()

    frame_samples: int
    hop_samples: int
    fft_size: int
    filters: int
    low_hz: int
    high_hz: int
    preemphasis: float

    @property
    def width(self) -> int:
        """Features of one frame."""
        return self.filters

    def window_samples(self, frames: int) -> int:
        """Samples that ``frames`` frames need, the one before the first included."""
        return (frames - 1) * self.hop_samples + self.frame_samples + 1

    def _check(self) -> None:
        if not 0 < self.hop_samples <= self.frame_samples <= self.fft_size:
            raise SettingsError("features need hop_samples <= frame_samples <= fft_size")
        if not self.filters > 0:
            raise SettingsError("features need at least one filter")
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ // 2:
            raise SettingsError("features need low_hz < high_hz <= 8000")


@dataclass(frozen=True, slots=True)
class MfccSettings(FeatureSettings):
    """Arguments of ``python_speech_features.mfcc``.

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
        self._check()
        if not 0 < self.coefficients <= self.filters:
            raise SettingsError("features need coefficients <= filters")

    @property
    def width(self) -> int:
        """Features of one frame."""
        return self.coefficients


@dataclass(frozen=True, slots=True)
class LogMelSettings(FeatureSettings):
    """Arguments of ``python_speech_features.fbank``, whose logarithm is taken.

    Input is float32 in [-1, 1], the window Hamming: what :class:`MfccSettings` are the DCT of.
    """

    kind: Literal["log-mel"] = "log-mel"
    """Tells these from MFCCs on a card; MFCCs name no kind."""
    frame_samples: int = 400
    hop_samples: int = 160
    fft_size: int = 512
    filters: int = 40
    low_hz: int = 0
    high_hz: int = 8_000
    preemphasis: float = 0.97

    def __post_init__(self) -> None:
        self._check()


class LogMel:
    """Log-mel energies of blocks of audio."""

    def __init__(self, settings: FeatureSettings) -> None:
        self._settings = settings
        self._hamming = np.hamming(settings.frame_samples)
        filterbank = psf.get_filterbanks(
            settings.filters, settings.fft_size, SAMPLE_RATE_HZ, settings.low_hz, settings.high_hz
        )
        self._filterbank = np.ascontiguousarray(filterbank.T) / settings.fft_size

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return the energies, float32 (batch, frames, filters); see :data:`Extract`."""
        return self.log_energy(windows).astype(np.float32)

    def log_energy(self, windows: FloatArray) -> NDArray[np.float64]:
        """Return them as float64: a float32 FFT loses quiet bands beside loud ones."""
        samples = windows.astype(np.float64)
        emphasised = samples[:, 1:] - self._settings.preemphasis * samples[:, :-1]
        frames = np.lib.stride_tricks.sliding_window_view(
            emphasised, self._settings.frame_samples, axis=1
        )[:, :: self._settings.hop_samples]
        spectrum = np.fft.rfft(frames * self._hamming, self._settings.fft_size, axis=2)
        power = spectrum.real**2 + spectrum.imag**2
        # One product a block, all of one shape: a block's bits do not depend on its batch.
        energy = np.matmul(power, self._filterbank)
        result: NDArray[np.float64] = np.log(
            np.where(energy == 0, np.finfo(np.float64).eps, energy)
        )
        return result


class Mfcc:
    """MFCCs of blocks of audio."""

    def __init__(self, settings: MfccSettings) -> None:
        self._log_mel = LogMel(settings)
        dct = psf.dct(np.eye(settings.filters), type=2, axis=1, norm="ortho")
        self._dct = np.ascontiguousarray(dct[:, : settings.coefficients])

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return the MFCCs, float32 (batch, frames, coefficients); see :data:`Extract`."""
        cepstra: FloatArray = np.matmul(self._log_mel.log_energy(windows), self._dct).astype(
            np.float32
        )
        return cepstra


def extractor(settings: FeatureSettings) -> Extract:
    """Return what computes the features that ``settings`` tell."""
    return Mfcc(settings) if isinstance(settings, MfccSettings) else LogMel(settings)
