"""The spectrogram family of one clip, drawn."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from intone.core.features import Mfcc, MfccSettings
from intone.types import FloatArray
from intone_lab.explore import acoustics
from intone_lab.explore.acoustics import RATE_HZ, FrameSettings
from intone_lab.palette import LEVELS, SIGNED

PICTURE_FRAMES = FrameSettings(frame_samples=512, hop_samples=80)
"""32 ms every 5 ms: the usual balance for looking, where 64 ms would smear syllables."""

MEL_BANDS = 64
RANGE_DB = 80.0
"""Under the loudest by more than this is background: speech in a good room has 60 dB."""

MEL_TICKS_HZ = (250, 500, 1_000, 2_000, 4_000)


def clip_figure(samples: FloatArray, colour: str) -> Figure:
    """Draw all six pictures of float32 ``samples`` (n,) at 16 kHz in [-1, 1].

    ``colour`` is that of the lines. Make and save it inside :meth:`Theme.applied`.
    """
    figure = Figure(figsize=(11, 9), layout="constrained")
    axes = figure.subplots(3, 2)
    spectra = acoustics.magnitudes(samples, PICTURE_FRAMES)
    draw_waveform(axes[0, 0], samples, colour)
    draw_spectrum(axes[0, 1], samples, colour)
    draw_spectrogram(axes[1, 0], spectra)
    draw_spectrogram_db(axes[1, 1], spectra)
    draw_mel(axes[2, 0], spectra)
    draw_mfcc(axes[2, 1], samples)
    return figure


def amplitude_spectrum(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Frequencies in Hz and amplitudes of the whole clip, (n // 2 + 1,) each.

    A sine of a whole number of periods shows its amplitude.
    """
    amplitudes = np.abs(np.fft.rfft(samples.astype(np.float64))) * 2 / len(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return frequencies.astype(np.float32), amplitudes.astype(np.float32)


def draw_waveform(axes: Axes, samples: FloatArray, colour: str) -> None:
    """Samples over time."""
    axes.plot(np.arange(len(samples)) / RATE_HZ, samples, color=colour, linewidth=0.5)
    axes.set(title="Waveform", xlabel="time, s", ylabel="full scale = 1")
    axes.set_xlim(0, len(samples) / RATE_HZ)
    axes.grid(axis="y")


def draw_spectrum(axes: Axes, samples: FloatArray, colour: str) -> None:
    """Magnitude of the whole clip over frequency."""
    frequencies, amplitudes = amplitude_spectrum(samples)
    axes.plot(frequencies, amplitudes, color=colour, linewidth=0.5)
    axes.set(title="Magnitude spectrum of the whole clip", xlabel="frequency, Hz")
    axes.set(ylabel="amplitude, full scale = 1", xlim=(0, RATE_HZ / 2))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")


def draw_spectrogram(axes: Axes, spectra: FloatArray) -> None:
    """Magnitudes as they are: only the loudest harmonics show, which is why levels are used."""
    image = _over_time(axes, spectra, (0, RATE_HZ / 2), LEVELS)
    axes.set(title="Spectrogram", ylabel="frequency, Hz")
    _colour_bar(axes, image, "amplitude")


def draw_spectrogram_db(axes: Axes, spectra: FloatArray) -> None:
    """Levels of the magnitudes in dB under full scale."""
    levels = 20 * np.log10(np.maximum(spectra, np.sqrt(acoustics.NO_LEVEL)))
    image = _over_time(axes, levels, (0, RATE_HZ / 2), LEVELS)
    image.set_clim(levels.max() - RANGE_DB, levels.max())
    axes.set(title="Log-amplitude spectrogram", ylabel="frequency, Hz")
    _colour_bar(axes, image, "dBFS")


def draw_mel(axes: Axes, spectra: FloatArray) -> None:
    """Levels of mel bands, the ticks in Hz."""
    levels = acoustics.mel_levels_db(spectra, PICTURE_FRAMES, MEL_BANDS)
    image = _over_time(axes, levels, (-0.5, MEL_BANDS - 0.5), LEVELS)
    image.set_clim(levels.max() - RANGE_DB, levels.max())
    middles = acoustics.mel_frequencies_hz(MEL_BANDS)
    axes.set_yticks(np.interp(MEL_TICKS_HZ, middles, np.arange(MEL_BANDS)), map(str, MEL_TICKS_HZ))
    axes.set(title=f"Mel spectrogram, {MEL_BANDS} bands", ylabel="frequency, Hz (mel scale)")
    _colour_bar(axes, image, "dB")


def draw_mfcc(axes: Axes, samples: FloatArray) -> None:
    """The server's own MFCCs, which are what its models are given.

    Each is shown against its own mean and spread in the clip: as they are, the first would
    outshine all others.
    """
    settings = MfccSettings()
    # The features look back one sample; before a clip there is none.
    window = np.concatenate([np.zeros(1, np.float32), samples])
    coefficients = Mfcc(settings)(window[None])[0].T
    mean = coefficients.mean(axis=1, keepdims=True)
    spread = np.maximum(coefficients.std(axis=1, keepdims=True), np.finfo(np.float32).eps)
    rows = (-0.5, settings.coefficients - 0.5)
    image = _over_time(
        axes, (coefficients - mean) / spread, rows, SIGNED, settings.hop_samples / RATE_HZ
    )
    image.set_clim(-3, 3)
    axes.set(title=f"{settings.coefficients} MFCCs, as the models get them", ylabel="coefficient")
    _colour_bar(axes, image, "standard deviations")


def _over_time(
    axes: Axes,
    values: FloatArray,
    rows: tuple[float, float],
    colour_map: str,
    hop_s: float = PICTURE_FRAMES.hop_samples / RATE_HZ,
) -> AxesImage:
    """``values`` (rows, frames), the first row at the bottom; ``rows`` is the vertical axis."""
    axes.set_xlabel("time, s")
    return axes.imshow(
        values,
        cmap=colour_map,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0.0, values.shape[1] * hop_s, *rows),
    )


def _colour_bar(axes: Axes, image: AxesImage, label: str) -> None:
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(image, ax=axes, label=label, pad=0.01).outline.set_visible(False)
