"""CPU time of a call, and how a peer's process says what it found."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from intone.types import SAMPLE_RATE_HZ, FloatArray
from intone_bench.peers.audio import Audio

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pipeline costs for a second of live audio, pauses included."""

    cpu_ms_per_audio_s: float
    note: str = ""
    parts_ms: Mapping[str, float] | None = None
    """What it is made of, where that was timed apart."""


def cpu_s(call: Callable[[], object]) -> float:
    """Return the CPU seconds of this process for ``call``: the median of :data:`_ROUNDS`.

    CPU and not wall time: another process on the core costs the one and hardly the other.
    """
    call()
    times = []
    for _ in range(_ROUNDS):
        started_s = time.process_time()
        call()
        times.append(time.process_time() - started_s)
    return statistics.median(times)


def utterance_cost(
    answer: Callable[[FloatArray], object], audio: Audio, most: int, note: str
) -> Cost:
    """Time ``answer`` on up to ``most`` whole utterances of all lengths, once each."""
    picked = audio.spread(most)
    # What is planned at a first call is not charged.
    answer(picked[0])
    answer(picked[-1])
    started_s = time.process_time()
    for utterance in picked:
        answer(utterance)
    spent_s = time.process_time() - started_s
    seconds = sum(part.shape[0] for part in picked) / SAMPLE_RATE_HZ
    share = audio.utterance_s / audio.track_s
    each_ms = 1_000 * spent_s / len(picked)
    mean_s = seconds / len(picked)
    told = f"{each_ms:.1f} ms an utterance of {mean_s:.1f} s (mean); {note}"
    return Cost(1_000 * spent_s / seconds * share, told)


def tell(cost: Cost) -> None:
    """Write ``cost`` for :mod:`intone_bench.peers.rows` to read."""
    sys.stdout.write("\n" + msgspec.json.encode(cost).decode() + "\n")
