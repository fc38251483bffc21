"""Features of whole clips, as the published projects take them: no voice activity, 3 s at most.

The server's own decode and MFCCs; what the endpointer would cut away stays in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from rich.progress import track

from intone.core.features import Mfcc, MfccSettings
from intone.types import SAMPLE_RATE_HZ, FloatArray
from intone_lab.architectures import BLOCK_FRAMES
from intone_lab.catalogue import CorpusError
from intone_lab.corpora import Clip
from intone_lab.dataset import FEATURES, clip_samples
from intone_lab.file_version import file_version
from intone_lab.processes import fresh_processes
from intone_lab.protocols.descriptors import COUNT, descriptors
from intone_lab.protocols.protocol import FrameFeatures
from intone_lab.protocols.splits import Take

LONGEST_BLOCKS = 19
"""3.04 s: 3 s in whole steps of the streaming networks. Of longer clips the middle is taken:
RAVDESS has about a second of silence at either end."""

LONGEST_FRAMES = LONGEST_BLOCKS * BLOCK_FRAMES


@dataclass(frozen=True, slots=True)
class DescribedSettings(MfccSettings):
    """MFCCs with the five descriptors behind them."""

    @property
    def width(self) -> int:
        """Features of one frame."""
        return self.coefficients + COUNT


def settings_of(features: FrameFeatures) -> MfccSettings:
    """Return the width and framing that a network is built for."""
    described = features is FrameFeatures.MFCC_AND_DESCRIPTORS
    return DescribedSettings() if described else FEATURES


def middle(samples: FloatArray, settings: MfccSettings) -> FloatArray:
    """Cut the window of a clip's middle blocks, as :class:`intone.core.features.Mfcc` takes it.

    ``samples`` is float32 (n,) at 16 kHz. All of the clip but what fills no block, at most
    80 ms an end, or :data:`LONGEST_BLOCKS`. Raises :class:`CorpusError` under one block.
    """
    frames = 1 + (len(samples) - settings.frame_samples) // settings.hop_samples
    blocks = min(frames // BLOCK_FRAMES, LONGEST_BLOCKS)
    if blocks < 1:
        raise CorpusError(f"a clip of {len(samples)} samples is shorter than one block")
    length = settings.window_samples(blocks * BLOCK_FRAMES)
    before_it = np.concatenate([np.zeros(1, np.float32), samples])
    start = (len(before_it) - length) // 2
    return before_it[start : start + length]


def features_of_clip(
    clip: Clip, speeds: Sequence[float], features: FrameFeatures
) -> list[FloatArray]:
    """Return float32 (frames, width), frames a whole number of blocks, for each speed.

    Raises :class:`CorpusError` for a clip that cannot be read or is too short.
    """
    settings = settings_of(features)
    samples = clip_samples(clip)
    try:
        windows = [middle(_at_speed(samples, speed), settings) for speed in speeds]
    except CorpusError as error:
        raise CorpusError(f"{clip.path}: {error}") from error
    mfcc = Mfcc(settings)
    rows = [mfcc(window[None])[0] for window in windows]
    if features is FrameFeatures.MFCC:
        return rows
    return [
        np.concatenate([row, descriptors(window, settings)], axis=1)
        for row, window in zip(rows, windows, strict=True)
    ]


def _at_speed(samples: FloatArray, speed: float) -> FloatArray:
    if speed == 1.0:
        return samples
    resampled = soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="HQ")
    return np.asarray(resampled, np.float32)


def prepare(
    clips: Sequence[Clip], speeds: Sequence[float], features: FrameFeatures, cache: Path, jobs: int
) -> Mapping[Take, FloatArray]:
    """Return the features of every clip at every speed, a file a corpus in ``cache``.

    Protocols about the same corpus share them. A file's name is a hash of what it depends on but
    the audio and the code.
    """
    prepared: dict[Take, FloatArray] = {}
    for corpus in sorted({clip.corpus for clip in clips}):
        own = [clip for clip in clips if clip.corpus == corpus]
        takes = [Take(clip, speed) for clip in own for speed in speeds]
        path = cache / f"{corpus}-{_key(own, speeds, features)}.npz"
        if not path.exists():
            _save(path, list(_compute(own, speeds, features, jobs)))
        prepared.update(zip(takes, _load(path), strict=True))
    return prepared


def _key(clips: Sequence[Clip], speeds: Sequence[float], features: FrameFeatures) -> str:
    what = [
        [(clip.key, file_version(clip.path)) for clip in clips],
        list(speeds),
        features.value,
        asdict(settings_of(features)),
        LONGEST_FRAMES,
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _compute(
    clips: Sequence[Clip], speeds: Sequence[float], features: FrameFeatures, jobs: int
) -> Iterator[FloatArray]:
    count = len(clips)
    with fresh_processes(jobs) as pool:
        rows = pool.map(features_of_clip, clips, [speeds] * count, [features] * count, chunksize=16)
        title = f"features of {clips[0].corpus}"
        yield from (row for of_clip in track(rows, title, total=count) for row in of_clip)


def _save(path: Path, rows: Sequence[FloatArray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, lengths=[len(row) for row in rows], features=np.concatenate(rows))
    partial.replace(path)


def _load(path: Path) -> list[FloatArray]:
    with np.load(path) as stored:
        lengths, features = stored["lengths"], stored["features"]
    return np.split(features, np.cumsum(lengths)[:-1])
