"""MFCCs and log-mel energies by python_speech_features; nothing else of the server imports it.

The library rebuilds its filterbank and takes one FFT a call, which costs more than the
features. Here its own filterbank and DCT are built once, and the frames of many utterances
go through one FFT and one matrix product each. Equal to the library's ``mfcc``, or to the
logarithm of its ``fbank``, on every full frame (tests hold this to 1e-4).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
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


class FeatureSettings(ABC):
    """What a model's features are; its card carries them."""

    __slots__ = ()

    hop_samples: int

    @property
    @abstractmethod
    def width(self) -> int:
        """Features of one frame."""

    @property
    @abstractmethod
    def beyond_samples(self) -> int:
        """Samples of a window that lie beyond the hops of its frames."""

    def window_samples(self, frames: int) -> int:
        """Samples that ``frames`` frames need, the one before the first included."""
        return frames * self.hop_samples + self.beyond_samples + 1


class SpectralSettings(FeatureSettings):
    """What MFCCs and log-mel energies have in common."""

    __slots__ = ()

    frame_samples: int
    fft_size: int
    filters: int
    low_hz: int
    high_hz: int
    preemphasis: float

    @property
    def width(self) -> int:
        """Features of one frame."""
        return self.filters

    @property
    def beyond_samples(self) -> int:
        """How far the last frame reaches beyond its hop."""
        return self.frame_samples - self.hop_samples

    def _check(self) -> None:
        if not 0 < self.hop_samples <= self.frame_samples <= self.fft_size:
            raise SettingsError("features need hop_samples <= frame_samples <= fft_size")
        if not self.filters > 0:
            raise SettingsError("features need at least one filter")
        if not 0 <= self.low_hz < self.high_hz <= SAMPLE_RATE_HZ // 2:
            raise SettingsError("features need low_hz < high_hz <= 8000")


@dataclass(frozen=True, slots=True)
class MfccSettings(SpectralSettings):
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
class LogMelSettings(SpectralSettings):
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


@dataclass(frozen=True, slots=True)
class SampleSettings(FeatureSettings):
    """Samples as they are, float32 in [-1, 1]: for a model with a front end of its own."""

    kind: Literal["samples"] = "samples"
    hop_samples: int = 160
    beyond_samples: int = 0
    """Samples that a window holds beyond its frames, and that are not used: as many as another
    model needs that steps on the same windows (:class:`intone.core.interims.WithInterims`)."""

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= SAMPLE_RATE_HZ:
            raise SettingsError("frames of samples need a hop_samples of 1 to 16000")
        if not 0 <= self.beyond_samples <= SAMPLE_RATE_HZ:
            raise SettingsError("windows of samples need a beyond_samples of 0 to 16000")

    @property
    def width(self) -> int:
        """Samples of one frame."""
        return self.hop_samples


_NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
"""Since when an FFT writes where it is told to; tflite-runtime needs an older one."""

_AT_ONCE = 4
"""Blocks of one pass: what lies between its steps stays in a core's own cache."""


def _rfft(frames: NDArray[np.float64], spectrum: NDArray[np.complex128]) -> None:
    if _NUMPY_2:
        np.fft.rfft(frames, axis=2, out=spectrum)
    else:
        spectrum[:] = np.fft.rfft(frames, axis=2)


class _Scratch(threading.local):
    """What a pass writes to, for each thread its own.

    Arrays of this size made anew come from the system page by page, which costs more than
    all that is computed in them.
    """

    def __init__(self, settings: SpectralSettings) -> None:
        self._settings = settings
        self._frame_count = 0

    def make_for(self, frames: int) -> None:
        """Have room for ``frames`` frames of each of :data:`_AT_ONCE` blocks."""
        if frames == self._frame_count:
            return
        settings = self._settings
        size, filters, hop = settings.fft_size, settings.filters, settings.hop_samples
        bins = size // 2 + 1
        span = (frames - 1) * hop + settings.frame_samples
        self.samples = np.empty((_AT_ONCE, span + 1))
        self.emphasised = np.empty((_AT_ONCE, span))
        # Each frame overlaps the next: views of the same samples.
        every = np.lib.stride_tricks.sliding_window_view(
            self.emphasised, settings.frame_samples, axis=1
        )
        self.frames = every[:, ::hop]
        self.padded = np.zeros((_AT_ONCE, frames, size))
        self.spectrum = np.empty((_AT_ONCE, frames, bins), np.complex128)
        self.power = np.empty((_AT_ONCE, frames, bins), np.float32)
        self.energy = np.empty((_AT_ONCE, frames, filters), np.float32)
        self._frame_count = frames


class LogMel:
    """Log-mel energies of blocks of audio."""

    def __init__(self, settings: SpectralSettings) -> None:
        self._settings = settings
        self._hamming = np.hamming(settings.frame_samples)
        filterbank = psf.get_filterbanks(
            settings.filters, settings.fft_size, SAMPLE_RATE_HZ, settings.low_hz, settings.high_hz
        )
        self._filterbank = np.ascontiguousarray(filterbank.T / settings.fft_size, np.float32)
        self._scratch = _Scratch(settings)

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return the energies, float32 (batch, frames, filters); see :data:`Extract`."""
        return self.passes(windows, None)

    def passes(self, windows: FloatArray, basis: FloatArray | None) -> FloatArray:
        """Return the energies times ``basis``, float32 (filters, width), if there is one."""
        settings = self._settings
        frames = (windows.shape[1] - 1 - settings.frame_samples) // settings.hop_samples + 1
        self._scratch.make_for(frames)
        width = settings.filters if basis is None else basis.shape[1]
        result = np.empty((windows.shape[0], frames, width), np.float32)
        for first in range(0, windows.shape[0], _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            energy = self._log_energy(windows[some])
            if basis is None:
                result[some] = energy
            else:
                np.matmul(energy, basis, out=result[some])
        return result

    def _log_energy(self, windows: FloatArray) -> FloatArray:
        """Return what :data:`_AT_ONCE` blocks at most come to, in scratch memory."""
        settings, scratch, count = self._settings, self._scratch, windows.shape[0]
        samples, emphasised = scratch.samples[:count], scratch.emphasised[:count]
        samples[:] = windows[:, : samples.shape[1]]
        np.multiply(samples[:, :-1], settings.preemphasis, out=emphasised)
        np.subtract(samples[:, 1:], emphasised, out=emphasised)
        padded = scratch.padded[:count]
        np.multiply(
            scratch.frames[:count], self._hamming, out=padded[:, :, : settings.frame_samples]
        )
        # As float64: a float32 FFT loses quiet bands beside loud ones.
        spectrum = scratch.spectrum[:count]
        _rfft(padded, spectrum)
        # In place, the real and imaginary parts as they lie.
        squares = spectrum.view(np.float64)
        np.square(squares, out=squares)
        power, energy = scratch.power[:count], scratch.energy[:count]
        np.add(squares[:, :, ::2], squares[:, :, 1::2], out=power, casting="same_kind")
        # One product a block, all of one shape: a block's bits do not depend on its batch.
        np.matmul(power, self._filterbank, out=energy)
        energy[energy == 0] = np.finfo(np.float64).eps
        np.log(energy, out=energy)
        return energy


class Mfcc:
    """MFCCs of blocks of audio."""

    def __init__(self, settings: MfccSettings) -> None:
        self._log_mel = LogMel(settings)
        dct = psf.dct(np.eye(settings.filters), type=2, axis=1, norm="ortho")
        self._dct = np.ascontiguousarray(dct[:, : settings.coefficients], np.float32)

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return the MFCCs, float32 (batch, frames, coefficients); see :data:`Extract`."""
        return self._log_mel.passes(windows, self._dct)


class Samples:
    """Blocks of audio as they are."""

    def __init__(self, settings: SampleSettings) -> None:
        self._hop = settings.hop_samples
        self._unused = 1 + settings.beyond_samples

    def __call__(self, windows: FloatArray) -> FloatArray:
        """Return a copy, float32 (batch, frames, hop_samples); see :data:`Extract`."""
        frames = (windows.shape[1] - self._unused) // self._hop
        samples = windows[:, 1 : 1 + frames * self._hop]
        return np.array(samples, np.float32).reshape(len(windows), frames, self._hop)


def extractor(settings: FeatureSettings) -> Extract:
    """Return what computes the features that ``settings`` tell.

    Raises :class:`TypeError` for settings of another kind than those here.
    """
    if isinstance(settings, MfccSettings):
        return Mfcc(settings)
    if isinstance(settings, LogMelSettings):
        return LogMel(settings)
    if isinstance(settings, SampleSettings):
        return Samples(settings)
    raise TypeError(f"{settings!r} are no features")
