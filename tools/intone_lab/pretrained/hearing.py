"""What the networks make of each copy of a clip, and keeping it for the next time.

They are run as the server runs them, quantised, on what the server's core cuts: the heads are
fitted to the very statistics that they are given later.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from intone.core.interpreter import Interpreter
from intone.settings import EndpointerSettings
from intone.types import FloatArray, to_ms
from intone_lab.code_version import LARGE, code_version
from intone_lab.company import Company, Crowds, companies
from intone_lab.copies import STEEPEST_NOISE_DB, Copy, worth_hearing
from intone_lab.corpora import Clip
from intone_lab.dataset import block_shape, cut, send_copies
from intone_lab.file_version import file_version
from intone_lab.pretrained.files import Converted, converted
from intone_lab.pretrained.settings import PRETRAINED, STATISTICS
from intone_lab.processes import fresh_processes

_ENDPOINTER = EndpointerSettings(
    max_utterance_ms=to_ms(PRETRAINED.longest_frames * PRETRAINED.features.hop_samples)
)
"""The default one, where nothing is longer than the model may be given."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardCopy:
    """One copy of a clip, in which an utterance was heard."""

    clip: Clip
    copy: str
    """Name of the :class:`intone_lab.copies.Copy`."""
    behind: frozenset[Clip]
    """Whose voices are mixed in behind: they are in training where this is."""
    statistics: FloatArray
    """float32 (statistics,) of the longest utterance."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    company: Company
    copies: tuple[Copy, ...]
    network: Path


def hear_all(
    clips: Sequence[Clip], copies: Sequence[Copy], crowds: Crowds, cache: Path
) -> list[HeardCopy]:
    """Return what the networks make of every copy of every clip in which there is an utterance.

    Of every copy that is worth it (:func:`intone_lab.copies.worth_hearing`); those in a crowd of
    the clips that ``crowds`` has one for. From ``cache`` where it was done before. Raises
    :class:`intone_lab.teacher.source.TeacherError` where the networks cannot be fetched.
    """
    network = converted(Converted.STATISTICS, cache)
    of_clips = [(clip.key, file_version(clip.path)) for clip in clips]
    of_network = hashlib.sha256(network.read_bytes()).hexdigest()
    heard_with = [of_network, asdict(_ENDPOINTER), STEEPEST_NOISE_DB, code_version(LARGE)]
    of_crowds = [[voice.key for voice in crowds.get(clip, ())] for clip in clips]
    of_copies = [asdict(copy) for copy in copies]
    what = json.dumps([of_clips, of_copies, of_crowds, heard_with]).encode()
    path = cache / f"pretrained-{hashlib.sha256(what).hexdigest()[:16]}.npy"
    jobs = [
        _Job(company, company.possible(worth_hearing(company.clip, copies)), network)
        for company in companies(clips, crowds)
    ]
    if not path.exists():
        with fresh_processes() as pool:
            heard = pool.map(_hear, jobs, chunksize=8)
            rows = list(track(heard, "the networks hear the clips", total=len(jobs)))
        partial = path.with_name("partial-" + path.name)
        np.save(partial, np.concatenate(rows))
        partial.replace(path)
    keys = [(job, copy) for job in jobs for copy in job.copies]
    return [
        HeardCopy(job.company.clip, copy.name, job.company.behind(copy), statistics)
        for (job, copy), statistics in zip(keys, np.load(path, "r"), strict=True)
        if not np.isnan(statistics[0])
    ]


def _hear(job: _Job) -> FloatArray:
    """Return float32 (copies, statistics), those of a copy without an utterance not a number."""
    network = _network(job.network)
    rows = np.full((len(job.copies), STATISTICS), np.nan, np.float32)
    for row, sent in zip(rows, send_copies(job.company, job.copies), strict=True):
        longest = max(cut(sent.data, sent.audio, _ENDPOINTER), key=len, default=None)
        if longest is not None:
            # The first sample of a window is the one before its block.
            samples = longest[:, 1 : 1 + block_shape().advance]
            row[:] = network(samples.reshape(1, -1, PRETRAINED.features.width))
    return rows


@functools.cache
def _network(path: Path) -> _Network:
    """Return this process's own."""
    return _Network(path)


class _Network:
    """A model file without heads, on the server's runtime; one thread computes."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        (given,), (made,) = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._given, self._made = int(given["index"]), int(made["index"])

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Return the statistics of float32 ``samples`` (1, frames, 160)."""
        self._interpreter.resize_tensor_input(self._given, samples.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._given, samples)
        self._interpreter.invoke()
        statistics: FloatArray = self._interpreter.get_tensor(self._made)[0]
        return statistics
