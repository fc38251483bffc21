"""Does an utterance hold voiced (periodic) sound? Keyboard clicks fool webrtcvad, not this.

Normalised cross-correlation (NCCF, D. Talkin, "A robust algorithm for pitch tracking",
1995) of 35 ms windows every 20 ms, at 4 kHz, for pitches from 70 to 400 Hz. Voiced speech
keeps a high correlation peak over several windows in a row; clicks and noise do not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from intone.types import SAMPLE_RATE_HZ, FloatArray

_DECIMATION = 4
_RATE_HZ = SAMPLE_RATE_HZ // _DECIMATION
_WINDOW = 35 * _RATE_HZ // 1_000
_HOP_MS = 20
_HOP = _HOP_MS * _RATE_HZ // 1_000
_HOP_SAMPLES = _HOP * _DECIMATION
_MIN_LAG = _RATE_HZ // 400
_MAX_LAG = _RATE_HZ // 70
_FFT = 256
_WITHIN = np.arange(_WINDOW)
_PEAK = 0.7
"""NCCF over which a window counts as periodic, what noise takes of it made good."""
_MOST_NOISE = 0.25
"""At most this share of a window's energy is taken for noise: in noise alone it would be all."""
_LONGER_EVERY_MS = 3_000


def periodicity(samples: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how periodic and how loud each 20 ms hop of float32 ``samples`` (n,) is, at 16 kHz.

    Returns the highest peak of the correlation, 0 to 1, and the mean square, both (hops,).
    """
    whole = samples.shape[0] - samples.shape[0] % _DECIMATION
    # A mean of four is low-pass enough: what aliases lies over 2 kHz, above any pitch.
    fours = samples[:whole].reshape(-1, _DECIMATION).T.astype(np.float64)
    slow = (fours[0] + fours[1] + fours[2] + fours[3]) / _DECIMATION
    count = max(0, (slow.shape[0] - _WINDOW) // _HOP + 1)
    starts = np.arange(0, count * _HOP, _HOP)
    windows = slow[starts[:, np.newaxis] + _WITHIN]
    windows = windows - windows.mean(axis=1, keepdims=True)
    correlation, energy = _nccf(windows)
    inner = correlation[:, 1:-1]
    # A true peak, not the shoulder of lag 0 that every low-pitched rumble has.
    is_peak = (inner >= correlation[:, :-2]) & (inner >= correlation[:, 2:])
    peaks: NDArray[np.float64] = np.where(is_peak, inner, 0.0).max(axis=1)
    return peaks, energy / _WINDOW


def _nccf(windows: np.ndarray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return correlations and energies.

    The former are (windows, lags), in [-1, 1], at lags _MIN_LAG - 1 … _MAX_LAG + 1; the latter,
    (windows,), are sums of squares.
    """
    first, last = _MIN_LAG - 1, _MAX_LAG + 1
    spectrum = np.fft.rfft(windows, _FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    products = np.fft.irfft(power, _FFT, axis=1)[:, first : last + 1]
    energy = np.cumsum(windows**2, axis=1)
    total = energy[:, -1:]
    head = energy[:, _WINDOW - 1 - last : _WINDOW - first][:, ::-1]
    tail = total - energy[:, first - 1 : last]
    # The added term (1e-8 of full scale squared) keeps near-silence from correlating.
    similarity: NDArray[np.float64] = products / np.sqrt(head * tail + (1e-8 * _WINDOW) ** 2)
    return similarity, total[:, 0]


class VoicingCheck:
    """Watches one utterance; once enough periodic sound was heard in a row, it stays so.

    What is enough grows by one hop for every :data:`_LONGER_EVERY_MS` heard in vain: among
    enough clicks some are periodic by chance, while speech seldom goes so long without.
    """

    def __init__(self, min_periodic_ms: int) -> None:
        self._needed = -(-min_periodic_ms // _HOP_MS)
        self._heard = 0
        self._run = 0
        self._quietest = math.inf
        self._unheard: list[FloatArray] = []
        self._is_voiced = self._needed == 0

    def push(self, samples: FloatArray) -> None:
        """Take the next samples, float32 (n,), at 16 kHz; they are heard when one asks."""
        if not self._is_voiced:
            self._unheard.append(samples)

    @property
    def is_voiced(self) -> bool:
        """Whether there was enough periodic sound in a row, so far."""
        if self._unheard and not self._is_voiced:
            self._hear(np.concatenate(self._unheard))
        return self._is_voiced

    def _hear(self, samples: FloatArray) -> None:
        peaks, energy = periodicity(samples)
        self._unheard = [samples[len(peaks) * _HOP_SAMPLES :].copy()]
        for is_periodic in self._periodic(peaks, energy):
            self._heard += 1
            self._run = self._run + 1 if is_periodic else 0
            needed = self._needed + self._heard * _HOP_MS // _LONGER_EVERY_MS
            self._is_voiced = self._is_voiced or self._run >= needed
        if self._is_voiced:
            self._unheard.clear()

    def _periodic(self, peaks: NDArray[np.float64], energy: NDArray[np.float64]) -> list[bool]:
        """Which windows are periodic, given that the quietest before each held only noise.

        Noise adds to the energy at lag 0 and hardly to the correlation at any other, so that a
        window with a share n of it peaks at 1 - n.
        """
        quietest = np.minimum.accumulate(np.append(self._quietest, energy))
        self._quietest = float(quietest[-1])
        noise = quietest[:-1]
        # A window quieter than all before it tells nothing of the noise in it.
        speech = np.where(noise < energy, energy - noise, energy)
        speech = np.maximum(speech, (1 - _MOST_NOISE) * energy)
        hits: list[bool] = (peaks * energy > _PEAK * speech).tolist()
        return hits
