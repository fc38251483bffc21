"""Runs each pipeline in a process of its own, on one core with one thread."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

import intone
from intone_bench.peers.cost import Cost
from intone_bench.serving import start_pinned
from intone_lab.processes import ONE_THREAD

_KEPT_BYTES = 256 << 20
"""More than any array that is freed and wanted again."""

_PEERS_THREADS = ("NUMBA_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

AT_ITS_BEST = {
    **ONE_THREAD,
    **dict.fromkeys(_PEERS_THREADS, "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
}
"""Environment of every pipeline but intone. Two threads on one core would only wait for each
other; there is no GPU; and glibc keeps freed memory: giving large arrays back to the system and
faulting them in again tripled the time of the features, or not, as the heap happened to lie."""

_TIMEOUT_S = 600.0
"""Loading TensorFlow takes 10 s on a busy machine; a measurement, a few."""


class NoRow(Exception):
    """A pipeline that cannot be run here; says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison."""

    name: str
    cost: Cost | None
    missing: str = ""
    """Why there is no cost."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Where peers run."""

    core: frozenset[int] | None
    folder: Path
    """For what they say."""
    python: Path = field(default_factory=lambda: Path(sys.executable))

    def cost(self, module: str, *arguments: Path | str) -> Cost:
        """Run ``intone_bench.peers.MODULE``; return the cost it tells. Raises :class:`NoRow`."""
        said = self.run(module, *arguments)
        try:
            return msgspec.json.decode(said.strip().splitlines()[-1], type=Cost)
        except (msgspec.DecodeError, IndexError) as error:
            raise NoRow(f"{module} said no cost: {error}") from error

    def run(self, module: str, *arguments: Path | str) -> str:
        """Run ``intone_bench.peers.MODULE``; return what it said. Raises :class:`NoRow`."""
        command = [str(self.python), "-W", "ignore", "-m", f"intone_bench.peers.{module}"]
        command += map(str, arguments)
        # Another interpreter finds these packages where this one does.
        roots = [str(Path(intone.__file__ or "").parents[1]), str(Path(__file__).parents[2])]
        paths = AT_ITS_BEST | {"PYTHONPATH": os.pathsep.join(roots)}
        handle, name = tempfile.mkstemp(dir=self.folder)
        os.close(handle)
        output = Path(name)
        try:
            process = start_pinned(command, self.core, output=output, environment=paths)
        except OSError as error:
            raise NoRow(f"{self.python}: {error.strerror}") from error
        try:
            code = process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise NoRow(f"not done after {_TIMEOUT_S:g} s") from error
        finally:
            process.kill()
            process.wait()
        said = output.read_text("utf-8", errors="replace")
        if code:
            raise NoRow(_reason(said.strip().splitlines()))
        return said


def _reason(lines: Sequence[str]) -> str:
    last = lines[-1] if lines else "it ended without a word"
    name = last.partition("No module named ")[2].strip("'\"")
    return f"{name} is not installed" if name else last
