"""Augmentation of MFCCs, in the mel domain, where gain, noise and room colour are sums.

With as many coefficients as filters and an orthonormal DCT, MFCCs turn into log-mel
energies and back without loss, so that a copy costs no new pass over the audio. Only
training clips go through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from intone.types import FloatArray
from intone_lab.mel_noise import DB, with_noise


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How far copies may stray from the recording."""

    gain_db: float = 8.0
    """Gain, drawn evenly from ± this."""
    tilt_db: float = 4.0
    """Standard deviation of the spectral tilt over the band: microphones and rooms."""
    noise_probability: float = 0.5
    snr_db: tuple[float, float] = (5.0, 40.0)
    """Active speech over noise, drawn evenly."""
    babble_share: float = 0.3
    """How much of the noise is other voices."""
    warp: float = 0.1
    """Vocal tract length, drawn evenly from 1 ± this: the mel axis is stretched (Jaitly and
    Hinton, "Vocal tract length perturbation improves speech recognition", 2013)."""
    time_masks: int = 2
    time_mask_frames: int = 12
    band_masks: int = 2
    band_mask_filters: int = 5


def draw_warps(settings: AugmentSettings, batch: int, rng: np.random.Generator) -> FloatArray:
    """Return by what share each row's formants go down, float32 (batch,): see :func:`augment`."""
    return rng.uniform(-settings.warp, settings.warp, batch).astype(np.float32)


def augment(
    features: FloatArray,
    settings: AugmentSettings,
    rng: np.random.Generator,
    warps: FloatArray | None = None,
) -> FloatArray:
    """Return a copy of float32 ``features`` (batch, frames, coefficients), each row its own way.

    ``warps`` are those of :func:`draw_warps` where the caller must know them.
    """
    batch, _, bands = features.shape
    if warps is None:
        warps = draw_warps(settings, batch, rng)
    basis = dct(np.eye(bands, dtype=np.float32), axis=0, norm="ortho").astype(np.float32)
    mel = _with_vocal_tracts(features @ basis, warps)
    mel += rng.uniform(-1, 1, (batch, 1, 1)).astype("f4") * settings.gain_db * DB
    ramp = np.linspace(-1, 1, bands, dtype=np.float32)
    mel += rng.normal(0, settings.tilt_db * DB / 2, (batch, 1, 1)).astype("f4") * ramp
    mel = _with_noise(mel, settings, rng)
    _mask(mel, settings, rng)
    result: FloatArray = mel @ basis.T
    return result


def _with_vocal_tracts(mel: FloatArray, warps: FloatArray) -> FloatArray:
    batch, _, bands = mel.shape
    position = np.arange(bands) * (1.0 + warps[:, None])
    position = np.clip(position, 0, bands - 1)
    low = np.minimum(position.astype(int), bands - 2)
    share = (position - low).astype(np.float32)
    # One small product a row: (frames, bands) by a (bands, bands) matrix of two diagonals.
    weights = np.zeros((batch, bands, bands), np.float32)
    rows, columns = np.arange(batch)[:, None], np.arange(bands)[None, :]
    weights[rows, low, columns] = 1 - share
    weights[rows, low + 1, columns] += share
    stretched: FloatArray = mel @ weights
    return stretched


def _with_noise(mel: FloatArray, settings: AugmentSettings, rng: np.random.Generator) -> FloatArray:
    chosen = rng.random(len(mel)) < settings.noise_probability
    count = int(chosen.sum())
    if count:
        snr_db = rng.uniform(*settings.snr_db, count).astype("f4")
        babble = rng.random(count) < settings.babble_share
        mel[chosen] = with_noise(mel[chosen], snr_db, babble, rng)
    return mel


def _mask(mel: FloatArray, settings: AugmentSettings, rng: np.random.Generator) -> None:
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
