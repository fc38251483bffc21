"""Five descriptors of each frame, on the frames that the MFCCs are of."""

from __future__ import annotations

import numpy as np

from intone.core.features import MfccSettings
from intone.types import SAMPLE_RATE_HZ, FloatArray

COUNT = 5
SPLIT_HZ = 2_000
"""Where the band energy ratio parts the voice's first formants from what is above."""
NO_ENERGY = 1e-10
"""Keeps ratios and logarithms of digital silence finite; 100 dB under full scale."""


def descriptors(window: FloatArray, settings: MfccSettings) -> FloatArray:
    """Return float32 (frames, 5) of a window of samples, float32 (n,), as the MFCCs take it.

    In order: RMS energy in dB, zero-crossing rate (crossings a sample), energy under
    :data:`SPLIT_HZ` over the energy from there up in dB, spectral centroid and spectral
    bandwidth in kHz. The window starts one sample before its first frame.
    """
    samples = window.astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(samples[1:], settings.frame_samples)
    frames = frames[:: settings.hop_samples]
    spectrum = np.fft.rfft(frames * np.hamming(settings.frame_samples), settings.fft_size, axis=1)
    magnitude = np.abs(spectrum) + NO_ENERGY
    hz = np.fft.rfftfreq(settings.fft_size, 1 / SAMPLE_RATE_HZ)
    low, high = hz < SPLIT_HZ, hz >= SPLIT_HZ
    power = magnitude**2
    centroid = magnitude @ hz / magnitude.sum(axis=1)
    away = (hz[None, :] - centroid[:, None]) ** 2
    columns = [
        10 * np.log10((frames**2).mean(axis=1) + NO_ENERGY),
        (np.diff(np.signbit(frames), axis=1) != 0).mean(axis=1),
        10 * np.log10(power[:, low].sum(axis=1) / power[:, high].sum(axis=1)),
        centroid / 1_000,
        np.sqrt((away * magnitude).sum(axis=1) / magnitude.sum(axis=1)) / 1_000,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
