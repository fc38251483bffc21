"""Does an utterance hold voiced (periodic) sound? Keyboard clicks fool webrtcvad, not this.

Normalised cross-correlation (NCCF, D. Talkin, "A robust algorithm for pitch tracking",
1995) of 35 ms windows every 20 ms, at 4 kHz, for pitches from 70 to 400 Hz. Voiced speech
keeps a high correlation peak over several windows in a row; clicks and noise do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intone.types import SAMPLE_RATE_HZ, FloatArray

_DECIMATION = 4
_RATE_HZ = SAMPLE_RATE_HZ // _DECIMATION
_WINDOW = 35 * _RATE_HZ // 1_000
_HOP_MS = 20
_HOP = _HOP_MS * _RATE_HZ // 1_000
_MIN_LAG = _RATE_HZ // 400
_MAX_LAG = _RATE_HZ // 70
_FFT = 256
_WITHIN = np.arange(_WINDOW)
_PEAK = 0.7
"""NCCF over which a window counts as periodic."""
_LONGER_EVERY_MS = 3_000


def periodic_windows(samples: FloatArray) -> list[bool]:
    """Say of each 20 ms hop of float32 ``samples`` (n,), at 16 kHz, whether it is periodic."""
    whole = samples.shape[0] - samples.shape[0] % _DECIMATION
    # A mean of four is low-pass enough: what aliases lies over 2 kHz, above any pitch.
    fours = samples[:whole].reshape(-1, _DECIMATION).T.astype(np.float64)
    slow = (fours[0] + fours[1] + fours[2] + fours[3]) / _DECIMATION
    count = (slow.shape[0] - _WINDOW) // _HOP + 1
    if count <= 0:
        return []
    starts = np.arange(0, count * _HOP, _HOP)
    windows = slow[starts[:, np.newaxis] + _WITHIN]
    windows = windows - windows.mean(axis=1, keepdims=True)
    correlation = _nccf(windows)
    inner = correlation[:, 1:-1]
    # A true peak, not the shoulder of lag 0 that every low-pitched rumble has.
    is_peak = (inner >= correlation[:, :-2]) & (inner >= correlation[:, 2:])
    hits: list[bool] = np.any(is_peak & (inner > _PEAK), axis=1).tolist()
    return hits


def _nccf(windows: np.ndarray) -> np.ndarray:
    """Return (windows, lags) of correlation in [-1, 1] at lags _MIN_LAG - 1 … _MAX_LAG + 1."""
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
    return similarity


class VoicingCheck:
    """Watches one utterance; once enough periodic sound was heard in a row, it stays so.

    What is enough grows by one hop for every :data:`_LONGER_EVERY_MS` heard in vain: among
    enough clicks some are periodic by chance, while speech seldom goes so long without.
    """

    def __init__(self, min_periodic_ms: int) -> None:
        self._needed = -(-min_periodic_ms // _HOP_MS)
        self._heard = 0
        self._run = 0
        self.is_voiced = self._needed == 0

    def push(self, samples: FloatArray) -> None:
        """Take the next samples, float32 (n,), at 16 kHz; free once the answer is known."""
        if self.is_voiced:
            return
        for is_periodic in periodic_windows(samples):
            self._heard += 1
            self._run = self._run + 1 if is_periodic else 0
            needed = self._needed + self._heard * _HOP_MS // _LONGER_EVERY_MS
            self.is_voiced = self.is_voiced or self._run >= needed
