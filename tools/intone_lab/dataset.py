"""Corpus clips to what the server would hear of them: features of the utterances it cuts.

Every clip goes through the server's own decode, voice activity, endpointer and features
(DESIGN: train on what the server hears). Speed copies are made from the audio, before.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from rich.progress import track

from intone.core.blocks import BlockShape
from intone.core.decode import Decoder, to_int16
from intone.core.features import Mfcc, MfccSettings
from intone.core.front_end import FrontEnd
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray, SpeechBlock, SpeechEnded
from intone_lab.corpora import Clip, read_audio

BLOCK_FRAMES = 16
"""160 ms a step: interims every 500 ms need no finer grid, and a call's cost is shared."""

FEATURES = MfccSettings()


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What the server hears of one clip at one speed."""

    clip: Clip
    speed: float
    utterances: tuple[FloatArray, ...]
    """float32 (frames, coefficients) of each utterance, a whole number of blocks long."""

    @property
    def longest(self) -> FloatArray | None:
        """The utterance that stands for the clip; None where the server hears none."""
        return max(self.utterances, key=len, default=None)


def block_shape() -> BlockShape:
    """Samples of one step of the lab's models."""
    return BlockShape(BLOCK_FRAMES * FEATURES.hop_samples, FEATURES.window_samples(BLOCK_FRAMES))


def speed_copy(samples: FloatArray, speed: float) -> FloatArray:
    """Play float32 ``samples`` (n,) at ``speed``, pitch and all, by resampling."""
    if speed == 1.0:
        return samples
    resampled = soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="HQ")
    return np.asarray(resampled, np.float32)


def load_clip(clip: Clip) -> bytes:
    """Return a clip as the server is sent it: 16 kHz mono s16le."""
    samples, rate_hz = read_audio(clip.path)
    if rate_hz != SAMPLE_RATE_HZ:
        samples = np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32)
    return to_int16(samples).tobytes()


def hear(pcm: bytes, endpointer: EndpointerSettings | None = None) -> tuple[FloatArray, ...]:
    """Return the features of every utterance that would get a result, (frames, coefficients)."""
    endpointer = endpointer or EndpointerSettings()
    front_end = FrontEnd(AudioFormat(), endpointer, webrtc, block_shape())
    hops = front_end.feed(pcm) + front_end.finish()
    mfcc = Mfcc(FEATURES)
    windows: dict[int, list[FloatArray]] = {}
    heard = []
    for hop in hops:
        if isinstance(hop, SpeechBlock):
            windows.setdefault(hop.utterance_id, []).append(hop.window)
        elif isinstance(hop, SpeechEnded):
            blocks = mfcc(np.stack(windows[hop.utterance_id]))
            heard.append(blocks.reshape(-1, FEATURES.coefficients))
    return tuple(heard)


def _examples(clip: Clip, speeds: Sequence[float]) -> list[Example]:
    samples = Decoder(AudioFormat()).decode(load_clip(clip))[:, 0]
    return [
        Example(clip, speed, hear(to_int16(speed_copy(samples, speed)).tobytes()))
        for speed in speeds
    ]


def prepare(clips: Sequence[Clip], speeds: Sequence[float], cache: Path) -> list[Example]:
    """Hear every clip at every speed, from ``cache`` where it was done before.

    The cache's name is a hash of everything that the features depend on but the audio and
    the code: clips, speeds, endpointer and feature settings.
    """
    key = hashlib.sha256(
        json.dumps(
            [
                [str(clip.path) for clip in clips],
                list(speeds),
                asdict(EndpointerSettings()),
                asdict(FEATURES),
                BLOCK_FRAMES,
            ]
        ).encode()
    ).hexdigest()[:16]
    path = cache / f"heard-{key}.npz"
    if path.exists():
        return _load(path, clips, speeds)
    # Fresh processes: the caller may have TensorFlow loaded, which does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        jobs = pool.map(_examples, clips, [speeds] * len(clips), chunksize=16)
        heard = [
            example
            for examples in track(jobs, "hearing the clips", total=len(clips))
            for example in examples
        ]
    _save(path, heard)
    return heard


def _save(path: Path, examples: Sequence[Example]) -> None:
    utterances = [utterance for example in examples for utterance in example.utterances]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        counts=np.array([len(example.utterances) for example in examples]),
        lengths=np.array([len(utterance) for utterance in utterances]),
        features=np.concatenate(utterances),
    )
    partial.replace(path)


def _load(path: Path, clips: Sequence[Clip], speeds: Sequence[float]) -> list[Example]:
    with np.load(path) as stored:
        counts, lengths, features = stored["counts"], stored["lengths"], stored["features"]
    utterances = iter(np.split(features, np.cumsum(lengths)[:-1]))
    keys = [(clip, speed) for clip in clips for speed in speeds]
    return [
        Example(clip, speed, tuple(next(utterances) for _ in range(count)))
        for (clip, speed), count in zip(keys, counts, strict=True)
    ]
