"""Noise for log-mel energies: steady noise of any colour, and babble made of the other rows.

How loud it is, is said as for audio: mean power of the speech-active frames over mean power of
the noise, before pre-emphasis (:func:`intone_lab.conditions.active_power`). In the features'
own scale, which lifts the treble and has a narrower filter the lower it lies, the same ratio
would be another one for each colour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from python_speech_features import base as psf

from intone.core.features import LogMel, LogMelSettings
from intone.types import FloatArray
from intone_lab.conditions import ACTIVE_WITHIN_DB

DB = np.log(10.0) / 10.0
"""Natural-logarithm units of power in one decibel."""
BABBLE_VOICES = 4
STEEPEST = 2.0
"""Colours lie between white, f^0, and brown, f^-2."""
_FRAMES = 4_000
_REFERENCE_HZ = 1_000.0


@dataclass(frozen=True, slots=True, eq=False)
class _Bands:
    """What the filterbank makes of white noise, each (bands,)."""

    white: FloatArray
    """Mean energy, pre-emphasised."""
    flat: FloatArray
    """The same without pre-emphasis; their sum is the noise's power."""
    centre: FloatArray
    """Frequency of the filter's peak over :data:`_REFERENCE_HZ`."""


@lru_cache(maxsize=4)
def _bands(count: int) -> _Bands:
    settings = LogMelSettings(filters=count)
    noise = np.random.default_rng(0).standard_normal((1, settings.window_samples(_FRAMES)))
    white, flat = (
        np.exp(LogMel(one)(noise.astype(np.float32)))[0].mean(axis=0)
        for one in (settings, replace(settings, preemphasis=0.0))
    )
    edges = np.linspace(psf.hz2mel(settings.low_hz), psf.hz2mel(settings.high_hz), count + 2)
    centre = psf.mel2hz(edges[1:-1]) / _REFERENCE_HZ
    return _Bands(white.astype("f4"), flat.astype("f4"), centre.astype("f4"))


def with_noise(
    mel: FloatArray, snr_db: FloatArray, babble: NDArray[np.bool_], rng: np.random.Generator
) -> FloatArray:
    """Return ``mel``, float32 (batch, frames, bands), with noise under it.

    ``snr_db`` (batch,) is each row's ratio, ``babble`` (batch,) says which rows get voices.
    """
    energy = np.exp(mel)
    active = active_power(energy)
    noise = _steady(mel.shape, rng)
    if babble.any():
        voices = energy / active[:, None, None]
        noise[babble] = _babble(np.asarray(voices, np.float32), int(babble.sum()), rng)
    gain = active * np.exp(-snr_db * DB)
    noisy: FloatArray = np.log(energy + gain[:, None, None] * noise).astype(np.float32)
    return noisy


def active_power(energy: FloatArray) -> FloatArray:
    """Mean power of the speech-active frames of energies (batch, frames, bands), (batch,)."""
    bands = _bands(energy.shape[2])
    power = energy @ (bands.flat / bands.white)
    is_active = power >= power.mean(axis=1, keepdims=True) * 10.0 ** (-ACTIVE_WITHIN_DB / 10.0)
    active: FloatArray = (power * is_active).sum(axis=1) / is_active.sum(axis=1)
    return active


def _steady(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Energies of noise of power 1, each row of a colour of its own."""
    batch, frames, count = shape
    bands = _bands(count)
    colour = bands.centre ** -rng.uniform(0.0, STEEPEST, (batch, 1)).astype("f4")
    spectrum = bands.white * colour / (bands.flat * colour).sum(axis=1, keepdims=True)
    noise: FloatArray = spectrum[:, None, :] * _flutter(rng, frames * count, batch).reshape(shape)
    return noise


def _babble(voices: FloatArray, rows: int, rng: np.random.Generator) -> FloatArray:
    """Energies of :data:`BABBLE_VOICES` of ``voices`` (batch, frames, bands), of power 1 each."""
    batch, frames, _ = voices.shape
    babble = np.zeros((rows, *voices.shape[1:]), np.float32)
    for _ in range(BABBLE_VOICES):
        chosen = rng.integers(0, batch, rows)
        starts = rng.integers(0, frames, rows)
        for row, (voice, start) in enumerate(zip(chosen, starts, strict=True)):
            babble[row] += np.roll(voices[voice], start, axis=0)
    return np.asarray(babble / BABBLE_VOICES, np.float32)


@lru_cache(maxsize=1)
def _flutter_bank(seed: int) -> FloatArray:
    """A long stretch of energies of noise: drawing them anew took a third of a batch's time."""
    # They fluctuate as a chi-square with about as many degrees of freedom as a filter has bins;
    # four is a typical filter's.
    return np.random.default_rng(seed).gamma(4.0, 0.25, 2**20).astype(np.float32)


def _flutter(rng: np.random.Generator, length: int, rows: int) -> FloatArray:
    """Return float32 (rows, length), each row from a place of its own in the bank."""
    bank = _flutter_bank(0)
    starts = rng.integers(0, len(bank) - length, rows)
    return np.stack([bank[start : start + length] for start in starts])
