"""What a 10 ms frame costs: features and model, alone and in batches.

``python -m intone_lab.benchmark MODEL [FLOAT_FILE]`` prints JSON, and imports nothing but
intone: another interpreter, with the other runtime, can run it without the lab's extra.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

import intone
from intone.core.features import Extract, extractor
from intone.core.interpreter import RUNTIME
from intone.core.recogniser import Recogniser, UtteranceRecogniser
from intone.models import Model, load_model
from intone.types import FloatArray
from intone_lab.processes import ONE_THREAD

BATCHES = (1, 8, 32)
ROUNDS = 20
"""Every variant is timed once a round, in turn, so that a busy moment is shared by all."""
BLOCKS = 18
"""An utterance of about 3 s: a model that answers at its end is timed on all of it."""
TIMEOUT_S = 600.0
"""A hundred times what it takes: a machine that also trains has to get through."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One variant's cost a 10 ms frame and utterance: the fastest of :data:`ROUNDS`."""

    runtime: str
    python: str
    weights: str
    batch: int
    features_us: float
    total_us: float
    """Features and model."""

    @property
    def model_us(self) -> float:
        """The model without its features."""
        return max(self.total_us - self.features_us, 0.0)


class NotTimed(Exception):
    """An interpreter that cannot run the model; says which and why."""


def benchmark(model: Model, float_content: bytes | None = None) -> list[Speed]:
    """Time ``model``, and its float export where there is one, on this interpreter's runtime."""
    variants = {"int8": model}
    if float_content is not None:
        sha256 = hashlib.sha256(float_content).hexdigest()
        card = msgspec.structs.replace(model.card, sha256=sha256)
        variants["float32"] = replace(model, card=card, content=float_content)
    extract = extractor(model.card.features)
    calls: dict[tuple[str, int], Callable[[], object]] = {}
    for batch in BATCHES:
        blocks = _blocks(batch, model.card.shape.window)
        calls["features", batch] = partial(_features, extract, blocks)
        for name, variant in variants.items():
            calls[name, batch] = partial(_utterances, variant.new_recogniser(), blocks)
    fastest_s = _fastest(calls)

    def us_per_frame(name: str, batch: int) -> float:
        frames = batch * BLOCKS * model.card.block_frames
        return fastest_s[name, batch] / frames * 1e6

    return [
        Speed(
            RUNTIME,
            platform.python_version(),
            name,
            batch,
            us_per_frame("features", batch),
            us_per_frame(name, batch),
        )
        for name in variants
        for batch in BATCHES
    ]


def benchmark_elsewhere(python: Path, folder: Path, float_file: Path | None) -> list[Speed]:
    """Time the model in ``folder`` on another interpreter. Raises :class:`NotTimed`."""
    roots = [Path(path or "").parents[1] for path in (intone.__file__, __file__)]
    files = [path.resolve() for path in (folder, float_file) if path is not None]
    command = [str(python), "-W", "ignore", "-m", "intone_lab.benchmark", *map(str, files)]
    # One thread, as the engine's: numpy's matrix products would take every core.
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(map(str, roots))}
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter is the caller's own choice
            command, env=environment, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no word"])[-1]
        raise NotTimed(_by_name(f"{python}: {last}", [python, *files])) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotTimed(_by_name(f"{python}: {error}", [python, *files])) from error
    try:
        return msgspec.json.decode(done.stdout, type=list[Speed])
    except msgspec.DecodeError as error:
        raise NotTimed(_by_name(f"{python} is no Python with intone", [python, *files])) from error


def _by_name(words: str, paths: Sequence[Path]) -> str:
    """Return ``words`` without the places of ``paths``: reports are read on other machines."""
    for path in paths:
        words = words.replace(str(path), path.name)
    return words


def _features(extract: Extract, blocks: FloatArray) -> None:
    for windows in blocks:
        extract(windows)


def _utterances(recogniser: Recogniser, blocks: FloatArray) -> None:
    """Run a batch of utterances from the first block to the last."""
    nothing = np.zeros(recogniser.card.state_size, np.float32)
    output = recogniser.step(blocks[0], [nothing] * blocks.shape[1])
    for windows in blocks[1:]:
        output = recogniser.step(windows, output.states)
    if isinstance(recogniser, UtteranceRecogniser):
        for state in output.states:
            recogniser.finish(state)


def _blocks(batch: int, samples: int) -> FloatArray:
    """Return noise at a speaker's level, (blocks, batch, samples): what is said costs alike."""
    noise = np.random.default_rng(0).standard_normal((BLOCKS, batch, samples))
    return (0.1 * noise).astype(np.float32)


def _fastest(calls: dict[tuple[str, int], Callable[[], object]]) -> dict[tuple[str, int], float]:
    """Return the least time of a call, in seconds: what disturbs only ever adds."""
    fastest = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for key, call in calls.items():
            started = time.perf_counter()
            call()
            fastest[key] = min(fastest[key], time.perf_counter() - started)
    return fastest


def _main(arguments: Sequence[str]) -> None:
    folder, *float_file = arguments
    content = Path(float_file[0]).read_bytes() if float_file else None
    speeds = benchmark(load_model(Path(folder)), content)
    sys.stdout.write(msgspec.json.encode(speeds).decode())


if __name__ == "__main__":
    _main(sys.argv[1:])
