"""What a clip sounds like in a row of numbers: descriptors a frame, then mean and spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from intone.types import FloatArray
from intone_lab.explore import acoustics
from intone_lab.explore.acoustics import PITCH_CLASSES, RATE_HZ, FrameSettings
from intone_lab.health import SILENT_DBFS


class Indescribable(Exception):
    """Samples that descriptors would say nothing about; says why."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One descriptor, as the table's columns and the page name it."""

    column: str
    """The table's column that says it of a clip; the unit is in its name."""
    title: str
    axis: str
    """Label of an axis that shows it."""
    formula: str
    is_logarithmic: bool = False
    """Whether ratios of it mean something, so that a logarithmic axis shows it best."""


DESCRIPTORS = (
    Descriptor(
        "rms_mean",
        "RMS energy",
        "RMS, full scale = 1",
        "√(1/N · Σ x²) over the N samples x of a frame",
        is_logarithmic=True,
    ),
    Descriptor(
        "zero_crossing_rate_mean",
        "Zero-crossing rate",
        "crossings a sample",
        "share of a frame's samples whose sign differs from that of the sample before",
    ),
    Descriptor(
        "band_energy_ratio_db_mean",
        "Band energy ratio",
        "low over high band, dB",
        "10 · log₁₀(Σ |X(f)|² for f < split ÷ Σ |X(f)|² for f ≥ split)",
    ),
    Descriptor(
        "spectral_centroid_hz_mean",
        "Spectral centroid",
        "centroid, Hz",
        "c = Σ f · |X(f)| ÷ Σ |X(f)|",
    ),
    Descriptor(
        "spectral_bandwidth_hz_mean",
        "Spectral bandwidth",
        "bandwidth, Hz",
        "√(Σ (f - c)² · |X(f)| ÷ Σ |X(f)|)",
    ),
    Descriptor(
        "pitch_hz_mean",
        "Pitch",
        "pitch, Hz",
        "probabilistic YIN, over the frames it holds for voiced",
        is_logarithmic=True,
    ),
    Descriptor(
        "chroma_spread",
        "Chroma spread",
        "standard deviation over 12 classes",
        "standard deviation over the clip's 12 chroma means: high where the voice stays on few "
        "notes, low where it glides or is noise",
    ),
)
"""What has a box plot, in this order everywhere."""

_OVER_ACTIVE = (
    "rms",
    "zero_crossing_rate",
    "band_energy_ratio_db",
    "spectral_centroid_hz",
    "spectral_bandwidth_hz",
)


@dataclass(frozen=True, slots=True, eq=False)
class FrameDescriptors:
    """The descriptors of a clip's frames; every array is float32 (frames,) unless it says."""

    rms: FloatArray
    zero_crossing_rate: FloatArray
    band_energy_ratio_db: FloatArray
    spectral_centroid_hz: FloatArray
    spectral_bandwidth_hz: FloatArray
    chroma: FloatArray
    """(12, frames)."""
    pitch_hz: FloatArray
    """NaN where a frame is not voiced."""
    is_active: np.ndarray
    """bool: within ``active_within_db`` of the loudest frame."""


def by_frame(samples: FloatArray, settings: FrameSettings) -> FrameDescriptors:
    """Describe every frame of float32 ``samples`` (n,) in [-1, 1] at 16 kHz.

    Raises :class:`Indescribable` for what is shorter than a frame, silent (no sample over
    :data:`intone_lab.health.SILENT_DBFS`) or not finite.
    """
    _check(samples, settings)
    spectra = acoustics.magnitudes(samples, settings)
    level = acoustics.rms(samples, settings)
    is_active = level >= level.max() * 10 ** (-settings.active_within_db / 20)
    return FrameDescriptors(
        rms=level,
        zero_crossing_rate=acoustics.zero_crossing_rate(samples, settings),
        band_energy_ratio_db=acoustics.band_energy_ratio_db(spectra, settings),
        spectral_centroid_hz=acoustics.spectral_centroid_hz(spectra, settings),
        spectral_bandwidth_hz=acoustics.spectral_bandwidth_hz(spectra, settings),
        chroma=acoustics.chroma(spectra),
        pitch_hz=_pitch(samples, is_active, settings),
        is_active=is_active,
    )


def describe(samples: FloatArray, settings: FrameSettings) -> dict[str, float]:
    """Return a clip's row of the table: column to number, always the same columns.

    Means and standard deviations are over active frames, pitch's over voiced ones, NaN where
    there are none. Takes and raises what :func:`by_frame` does.
    """
    frames = by_frame(samples, settings)
    row = {
        "active_s": float(frames.is_active.sum() * settings.hop_samples / RATE_HZ),
        "voiced_s": float(np.isfinite(frames.pitch_hz).sum() * settings.hop_samples / RATE_HZ),
    }
    for name, values in _measured(frames):
        # float64: the order of adding float32 differs between machines.
        row[f"{name}_mean"] = float(values.mean(dtype=np.float64)) if len(values) else np.nan
        row[f"{name}_std"] = float(values.std(dtype=np.float64)) if len(values) else np.nan
    row["chroma_spread"] = float(np.std([row[f"chroma_{name}_mean"] for name in PITCH_CLASSES]))
    return row


def _measured(frames: FrameDescriptors) -> Iterator[tuple[str, FloatArray]]:
    """Each descriptor's values in the frames that count for it."""
    for name in _OVER_ACTIVE:
        yield name, getattr(frames, name)[frames.is_active]
    yield "pitch_hz", frames.pitch_hz[np.isfinite(frames.pitch_hz)]
    for name, values in zip(PITCH_CLASSES, frames.chroma, strict=True):
        yield f"chroma_{name}", values[frames.is_active]


def _pitch(samples: FloatArray, is_active: np.ndarray, settings: FrameSettings) -> FloatArray:
    """Pitch from the first active frame to the last: pyin is nine tenths of all the work."""
    first, last = np.flatnonzero(is_active)[[0, -1]]
    begin = first * settings.hop_samples
    end = last * settings.hop_samples + settings.frame_samples
    pitch = np.full(len(is_active), np.nan, np.float32)
    pitch[first : last + 1] = acoustics.pitch_hz(samples[begin:end], settings)
    return pitch


def _check(samples: FloatArray, settings: FrameSettings) -> None:
    if not np.isfinite(samples).all():
        raise Indescribable("holds samples that are not finite numbers")
    if len(samples) < settings.frame_samples:
        frame_ms = 1_000 * settings.frame_samples / RATE_HZ
        raise Indescribable(f"is shorter than one frame of {frame_ms:.0f} ms")
    # The tail under a hop is in no frame, however loud.
    in_frames = len(samples) - (len(samples) - settings.frame_samples) % settings.hop_samples
    if np.abs(samples[:in_frames]).max() < 10 ** (SILENT_DBFS / 20):
        raise Indescribable(f"is silent: no sample reaches {SILENT_DBFS:.0f} dBFS")
