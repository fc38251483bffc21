"""Descriptors of speech, frame by frame, by librosa; nothing else in the lab imports it.

Every function takes float32 samples (n,) in [-1, 1] at :data:`RATE_HZ` and gives a row a frame.
Frames start at sample 0, every hop, and are never padded: padding would be measured as sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np

from intone.errors import SettingsError
from intone.types import SAMPLE_RATE_HZ, FloatArray

RATE_HZ = SAMPLE_RATE_HZ
"""What the server hears at. Corpora were published at 16 to 48 kHz: at their own rates the
centroid would tell the corpora apart instead of the emotions."""

PITCH_CLASSES = ("c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp", "a",
                 "a_sharp", "b")  # fmt: skip
"""The twelve rows of a chroma, as the table's columns name them."""

PITCH_STEP_SEMITONES = 0.2
"""pyin's grid. Its default of 0.1 takes two to three times as long; on 9 clips of four corpora the
mean pitch then differed by 3 Hz at most, the voiced time on one clip alone."""

NO_ENERGY = 1e-10
"""Keeps the ratio of two empty bands finite; 100 dB below a full-scale sine's."""

NO_LEVEL = 1e-20
"""Keeps the logarithm of digital silence finite, far under anything that is shown."""


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """How clips are cut and what is asked of a frame."""

    frame_samples: int = 1_024
    """64 ms: four periods of the lowest pitch, and 15.6 Hz between the bins of a spectrum."""
    hop_samples: int = 256
    """16 ms."""
    split_hz: int = 2_000
    """Where the band energy ratio parts the voice's first formants from what is above."""
    pitch_low_hz: int = 65
    """Under a low man's voice."""
    pitch_high_hz: int = 600
    """Over a woman's cry."""
    active_within_db: float = 40.0
    """Frames this far below a clip's loudest are pause: of a room and a microphone, not of a
    voice. RAVDESS clips have a second of it at each end."""

    def __post_init__(self) -> None:
        if not 0 < self.hop_samples <= self.frame_samples:
            raise SettingsError("frames need 0 < hop_samples <= frame_samples")
        if not 0 < self.split_hz < RATE_HZ / 2:
            raise SettingsError("split_hz must lie between 0 and half the sample rate")
        if not 2 * RATE_HZ / self.frame_samples <= self.pitch_low_hz < self.pitch_high_hz:
            raise SettingsError("a frame must hold two periods of pitch_low_hz < pitch_high_hz")
        if self.active_within_db <= 0:
            raise SettingsError("active_within_db must be over 0")


def at_rate(samples: FloatArray, rate_hz: int) -> FloatArray:
    """Resample ``samples`` (n,) from ``rate_hz`` to :data:`RATE_HZ`, by soxr."""
    if rate_hz == RATE_HZ:
        return samples
    resampled = librosa.resample(samples, orig_sr=rate_hz, target_sr=RATE_HZ, res_type="soxr_hq")
    return np.asarray(resampled, np.float32)


def rms(samples: FloatArray, settings: FrameSettings) -> FloatArray:
    """Root of the mean square of each frame, (frames,); a full-scale sine has 0.707."""
    return _row(
        librosa.feature.rms(
            y=samples,
            frame_length=settings.frame_samples,
            hop_length=settings.hop_samples,
            center=False,
        )
    )


def zero_crossing_rate(samples: FloatArray, settings: FrameSettings) -> FloatArray:
    """Share of a frame's samples whose sign is not that of the one before, (frames,).

    A sine of f Hz has 2 f / rate.
    """
    return _row(
        librosa.feature.zero_crossing_rate(
            samples,
            frame_length=settings.frame_samples,
            hop_length=settings.hop_samples,
            center=False,
        )
    )


def magnitudes(samples: FloatArray, settings: FrameSettings) -> FloatArray:
    """Spectra of the frames under a Hann window, (bins, frames); a sine peaks at its amplitude."""
    spectra = librosa.stft(
        samples,
        n_fft=settings.frame_samples,
        hop_length=settings.hop_samples,
        window="hann",
        center=False,
    )
    # A Hann window lets half of the amplitude through; the other factor is the negative half.
    return np.asarray(np.abs(spectra) * 4 / settings.frame_samples, np.float32)


def band_energy_ratio_db(spectra: FloatArray, settings: FrameSettings) -> FloatArray:
    """Energy below ``split_hz`` over the energy from there up, in dB, (frames,).

    ``spectra`` is (bins, frames) of magnitudes.
    """
    power = np.asarray(spectra, np.float64) ** 2
    split = int(np.searchsorted(frequencies_hz(settings), settings.split_hz))
    low, high = (band.sum(axis=0) + NO_ENERGY for band in (power[:split], power[split:]))
    return np.asarray(10 * np.log10(low / high), np.float32)


def spectral_centroid_hz(spectra: FloatArray, settings: FrameSettings) -> FloatArray:
    """Mean frequency of each frame weighted by magnitude, (frames,).

    ``spectra`` is (bins, frames) of magnitudes.
    """
    frequencies = frequencies_hz(settings)
    return _row(librosa.feature.spectral_centroid(S=spectra, sr=RATE_HZ, freq=frequencies))


def spectral_bandwidth_hz(spectra: FloatArray, settings: FrameSettings) -> FloatArray:
    """Standard deviation of frequency about the centroid weighted by magnitude, (frames,).

    ``spectra`` is (bins, frames) of magnitudes.
    """
    frequencies = frequencies_hz(settings)
    return _row(librosa.feature.spectral_bandwidth(S=spectra, sr=RATE_HZ, freq=frequencies, p=2))


def chroma(spectra: FloatArray) -> FloatArray:
    """Energy in each of the twelve pitch classes, the strongest of a frame being 1, (12, frames).

    Tuned to A at 440 Hz: tuning to each clip, librosa's default, would make clips incomparable.
    ``spectra`` is (bins, frames) of magnitudes.
    """
    folded = librosa.feature.chroma_stft(S=spectra**2, sr=RATE_HZ, tuning=0.0)
    return np.asarray(folded, np.float32)


def pitch_hz(samples: FloatArray, settings: FrameSettings) -> FloatArray:
    """Pitch of each frame by probabilistic YIN, (frames,); NaN where it hears no voice."""
    pitch, _, _ = librosa.pyin(
        samples,
        fmin=settings.pitch_low_hz,
        fmax=settings.pitch_high_hz,
        sr=RATE_HZ,
        frame_length=settings.frame_samples,
        hop_length=settings.hop_samples,
        resolution=PITCH_STEP_SEMITONES,
        center=False,
    )
    return np.asarray(pitch, np.float32)


def frequencies_hz(settings: FrameSettings) -> FloatArray:
    """Frequencies of a spectrum's bins, (bins,)."""
    return np.asarray(librosa.fft_frequencies(sr=RATE_HZ, n_fft=settings.frame_samples), np.float32)


def mel_levels_db(spectra: FloatArray, settings: FrameSettings, bands: int) -> FloatArray:
    """Levels of ``bands`` mel bands in dB, (bands, frames).

    ``spectra`` is (bins, frames) of magnitudes.
    """
    filters = librosa.filters.mel(
        sr=RATE_HZ, n_fft=settings.frame_samples, n_mels=bands, fmax=RATE_HZ / 2
    )
    return np.asarray(10 * np.log10(np.maximum(filters @ spectra**2, NO_LEVEL)), np.float32)


def mel_frequencies_hz(bands: int) -> FloatArray:
    """Return the middles of the bands of :func:`mel_levels_db`, (bands,)."""
    edges = librosa.mel_frequencies(n_mels=bands + 2, fmin=0.0, fmax=RATE_HZ / 2)
    return np.asarray(edges[1:-1], np.float32)


def _row(frames: FloatArray) -> FloatArray:
    """Librosa's (1, frames) to (frames,)."""
    return np.asarray(frames[0], np.float32)
