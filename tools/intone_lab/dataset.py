"""Corpus clips to what the server would hear of them: features of the utterances it cuts.

Every clip goes through the server's own decode, voice activity, endpointer and features, so
that a model is trained on what the server hears. Copies are made from the audio, before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soxr
from rich.progress import track
from scipy.fft import idct

from intone.core.blocks import BlockShape
from intone.core.decode import Decoder, to_int16
from intone.core.features import FeatureSettings, LogMelSettings, Mfcc, MfccSettings
from intone.core.front_end import FrontEnd
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings
from intone.types import SAMPLE_RATE_HZ, AudioFormat, FloatArray, SpeechBlock, SpeechEnded
from intone_lab.architectures import BLOCK_FRAMES
from intone_lab.code_version import HEARING, code_version
from intone_lab.company import NOBODY, Company, Crowds, companies
from intone_lab.copies import AS_IT_IS, STEEPEST_NOISE_DB, Copy, Sent, send
from intone_lab.corpora import Clip, read_audio
from intone_lab.file_version import file_version
from intone_lab.processes import fresh_processes

FEATURES = MfccSettings()
"""What is kept of a clip: as many coefficients as filters, so that nothing is lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What the server hears of one copy of a clip."""

    clip: Clip
    copy: str
    """Name of the :class:`intone_lab.copies.Copy`."""
    utterances: tuple[FloatArray, ...]
    """float32 (frames, coefficients) of each utterance, a whole number of blocks long."""
    behind: frozenset[Clip] = frozenset()
    """Whose voices are mixed in behind: they are in training where this is."""

    @property
    def copy_key(self) -> tuple[str, str]:
        """What tells it from every other: the clip's key and the copy's name."""
        return self.clip.key, self.copy

    @property
    def is_plain(self) -> bool:
        """Whether this is the clip as it is."""
        return self.copy == AS_IT_IS.name

    @property
    def longest(self) -> FloatArray | None:
        """The utterance that stands for the clip; None where the server hears none."""
        return max(self.utterances, key=len, default=None)


def block_shape() -> BlockShape:
    """Samples of one step of the lab's models."""
    return BlockShape(BLOCK_FRAMES * FEATURES.hop_samples, FEATURES.window_samples(BLOCK_FRAMES))


def as_features(mfcc: FloatArray, settings: FeatureSettings) -> FloatArray:
    """Return float32 (…, frames, coefficients) of :data:`FEATURES` as ``settings`` has them.

    Raises :class:`ValueError` for settings that are neither those nor their log-mel energies.
    """
    if settings == FEATURES:
        return mfcc
    shared = {name: value for name, value in asdict(FEATURES).items() if name != "coefficients"}
    if settings != LogMelSettings(**shared):
        raise ValueError(f"the lab keeps {FEATURES}, of which {settings} cannot be made")
    energies: FloatArray = idct(mfcc, axis=-1, norm="ortho").astype(np.float32)
    return energies


def clip_samples(clip: Clip) -> FloatArray:
    """Return what a clean client would send, float32 (n,) at 16 kHz."""
    samples, rate_hz = read_audio(clip.path)
    if rate_hz != SAMPLE_RATE_HZ:
        samples = np.asarray(soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ), np.float32)
    # Rounded to 16 bits, as on the wire.
    return Decoder(AudioFormat()).decode(to_int16(samples).tobytes())[:, 0]


def cut(
    data: bytes, audio: AudioFormat | None = None, endpointer: EndpointerSettings | None = None
) -> tuple[FloatArray, ...]:
    """Return the utterances that would get a result: each float32 (blocks, window samples).

    A window is a block's samples and those after it that its last features reach into: see
    :func:`block_shape`.
    """
    endpointer = endpointer or EndpointerSettings()
    front_end = FrontEnd(audio or AudioFormat(), endpointer, webrtc, block_shape())
    hops = front_end.feed(data) + front_end.finish()
    windows: dict[int, list[FloatArray]] = {}
    utterances = []
    for hop in hops:
        if isinstance(hop, SpeechBlock):
            windows.setdefault(hop.utterance_id, []).append(hop.window)
        elif isinstance(hop, SpeechEnded):
            utterances.append(np.stack(windows[hop.utterance_id]))
    return tuple(utterances)


def hear(
    data: bytes, audio: AudioFormat | None = None, endpointer: EndpointerSettings | None = None
) -> tuple[FloatArray, ...]:
    """Return the features of every utterance that would get a result, (frames, coefficients)."""
    mfcc = Mfcc(FEATURES)
    return tuple(
        mfcc(windows).reshape(-1, FEATURES.coefficients) for windows in cut(data, audio, endpointer)
    )


def send_copies(company: Company, copies: Sequence[Copy]) -> list[Sent]:
    """Return what a client would send of each copy of a clip, with its company behind some."""
    samples, background = clip_samples(company.clip), clip_samples(company.other)
    voices = [clip_samples(voice) for voice in company.crowd]
    return [send(samples, copy, background, company.clip.key, voices) for copy in copies]


def _hear_copies(job: tuple[Company, Sequence[Copy]]) -> list[tuple[FloatArray, ...]]:
    return [hear(sent.data, sent.audio) for sent in send_copies(*job)]


def prepare(
    clips: Sequence[Clip], copies: Sequence[Copy], cache: Path, crowds: Crowds = NOBODY
) -> list[Example]:
    """Hear every copy of every clip, from ``cache`` where it was done before.

    Those in a crowd of the clips that ``crowds`` has one for. The cache's name is a hash of
    everything that the features depend on: the clips' files, copies, crowds, endpointer and
    feature settings, and the code.
    """
    key = hashlib.sha256(
        json.dumps(
            [
                [(clip.key, file_version(clip.path)) for clip in clips],
                [asdict(copy) for copy in copies],
                [[voice.key for voice in crowds.get(clip, ())] for clip in clips],
                STEEPEST_NOISE_DB,
                asdict(EndpointerSettings()),
                asdict(FEATURES),
                BLOCK_FRAMES,
                code_version(HEARING),
            ]
        ).encode()
    ).hexdigest()[:16]
    folder = cache / f"heard-{key}"
    jobs = [(one, one.possible(copies)) for one in companies(clips, crowds)]
    if not folder.exists():
        _save(folder, _hear_all(jobs))
    return _load(folder, jobs)


def _hear_all(jobs: Sequence[tuple[Company, Sequence[Copy]]]) -> list[tuple[FloatArray, ...]]:
    """Return the utterances of each copy of each clip."""
    with fresh_processes() as pool:
        heard = pool.map(_hear_copies, jobs, chunksize=16)
        return [
            utterances
            for of_clip in track(heard, "hearing the clips", total=len(jobs))
            for utterances in of_clip
        ]


def _save(folder: Path, heard: Sequence[tuple[FloatArray, ...]]) -> None:
    utterances = [utterance for of_copy in heard for utterance in of_copy]
    partial = folder.with_name("partial-" + folder.name)
    partial.mkdir(parents=True, exist_ok=True)
    np.save(partial / "counts.npy", [len(of_copy) for of_copy in heard])
    np.save(partial / "lengths.npy", [len(utterance) for utterance in utterances])
    nothing = np.zeros((0, FEATURES.coefficients), np.float32)
    np.save(partial / "features.npy", np.concatenate([nothing, *utterances]))
    partial.replace(folder)


def _load(folder: Path, jobs: Sequence[tuple[Company, Sequence[Copy]]]) -> list[Example]:
    counts, lengths = np.load(folder / "counts.npy"), np.load(folder / "lengths.npy")
    # Mapped, not read: the processes that train side by side share one copy in memory.
    features = np.load(folder / "features.npy", mmap_mode="r")
    utterances = iter(np.split(features, np.cumsum(lengths)[:-1]))
    keys = [(company, copy) for company, copies in jobs for copy in copies]
    return [
        Example(
            company.clip,
            copy.name,
            tuple(next(utterances) for _ in range(count)),
            company.behind(copy),
        )
        for (company, copy), count in zip(keys, counts, strict=True)
    ]
