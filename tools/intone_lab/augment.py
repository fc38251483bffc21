"""Augmentation of MFCCs, in the mel domain, where gain, noise and room colour are sums.

With as many coefficients as filters and an orthonormal DCT, MFCCs turn into log-mel
energies and back without loss, so that a copy costs no new pass over the audio. Only
training clips go through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float32]
DB = np.log(10.0) / 10.0
"""Natural-logarithm units of power in one decibel."""


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How far copies may stray from the recording."""

    gain_db: float = 8.0
    """Gain, drawn evenly from ± this."""
    tilt_db: float = 4.0
    """Standard deviation of the spectral tilt over the band: microphones and rooms."""
    noise_probability: float = 0.5
    snr_db: tuple[float, float] = (8.0, 50.0)
    """Signal to noise: most of it light, which is what helps on new voices."""
    warp: float = 0.1
    """Vocal tract length, drawn evenly from 1 ± this: the mel axis is stretched (Jaitly and
    Hinton, "Vocal tract length perturbation improves speech recognition", 2013)."""
    time_masks: int = 2
    time_mask_frames: int = 12
    band_masks: int = 2
    band_mask_filters: int = 5


def augment(features: Array, settings: AugmentSettings, rng: np.random.Generator) -> Array:
    """Return a copy of float32 ``features`` (batch, frames, coefficients), each row its own way."""
    batch, _, bands = features.shape
    basis = dct(np.eye(bands, dtype=np.float32), axis=0, norm="ortho").astype(np.float32)
    mel = _with_vocal_tracts(features @ basis, settings, rng)
    mel += rng.uniform(-1, 1, (batch, 1, 1)).astype("f4") * settings.gain_db * DB
    ramp = np.linspace(-1, 1, bands, dtype=np.float32)
    mel += rng.normal(0, settings.tilt_db * DB / 2, (batch, 1, 1)).astype("f4") * ramp
    mel = _with_noise(mel, ramp, settings, rng)
    _mask(mel, settings, rng)
    result: Array = mel @ basis.T
    return result


def _with_vocal_tracts(mel: Array, settings: AugmentSettings, rng: np.random.Generator) -> Array:
    batch, _, bands = mel.shape
    position = np.arange(bands) * (1.0 + settings.warp * rng.uniform(-1, 1, (batch, 1)))
    position = np.clip(position, 0, bands - 1)
    low = np.minimum(position.astype(int), bands - 2)
    share = (position - low).astype(np.float32)
    # One small product a row: (frames, bands) by a (bands, bands) matrix of two diagonals.
    weights = np.zeros((batch, bands, bands), np.float32)
    rows, columns = np.arange(batch)[:, None], np.arange(bands)[None, :]
    weights[rows, low, columns] = 1 - share
    weights[rows, low + 1, columns] += share
    stretched: Array = mel @ weights
    return stretched


def _with_noise(
    mel: Array, ramp: Array, settings: AugmentSettings, rng: np.random.Generator
) -> Array:
    batch, frames, bands = mel.shape
    snr = rng.uniform(*settings.snr_db, (batch, 1, 1)).astype("f4") * DB
    # Level of the loud frames, not of the pauses: what a person would call the signal.
    level = np.quantile(mel.mean(axis=2), 0.9, axis=1).astype("f4")[:, None, None]
    colour = rng.uniform(-1.5, 0.5, (batch, 1, 1)).astype("f4") * ramp
    # Band energies of noise fluctuate as a chi-square with about as many degrees of
    # freedom as a filter has bins; four is a typical filter's.
    flutter = _flutter(rng, frames * bands, batch).reshape(batch, frames, bands)
    noisy = np.logaddexp(mel, level - snr + colour + flutter)
    chosen = rng.random((batch, 1, 1)) < settings.noise_probability
    return np.where(chosen, noisy, mel).astype(np.float32)


@lru_cache(maxsize=1)
def _flutter_bank(seed: int) -> Array:
    """A long stretch of log-energies of noise: drawing them anew took a third of a batch's time."""
    draws = np.random.default_rng(seed).gamma(4.0, 0.25, 2**20)
    bank: Array = np.log(draws + 1e-3).astype(np.float32)
    return bank


def _flutter(rng: np.random.Generator, length: int, rows: int) -> Array:
    """Return float32 (rows, length), each row from a place of its own in the bank."""
    bank = _flutter_bank(0)
    starts = rng.integers(0, len(bank) - length, rows)
    return np.stack([bank[start : start + length] for start in starts])


def _mask(mel: Array, settings: AugmentSettings, rng: np.random.Generator) -> None:
    """Blank short stretches and narrow bands to the row's mean (SpecAugment, lightly)."""
    batch, frames, bands = mel.shape
    means = mel.mean(axis=(1, 2))
    for row in range(batch):
        for _ in range(settings.time_masks):
            width = rng.integers(0, settings.time_mask_frames + 1)
            start = rng.integers(0, frames - width + 1)
            mel[row, start : start + width] = means[row]
        for _ in range(settings.band_masks):
            width = rng.integers(0, settings.band_mask_filters + 1)
            start = rng.integers(0, bands - width + 1)
            mel[row, :, start : start + width] = means[row]
