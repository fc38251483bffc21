"""What is reported of a run, and whether it was a good one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from intone_bench.hearing import Heard
from intone_bench.matching import Match
from intone_bench.quantiles import Quantiles
from intone_bench.scrape import Batches
from intone_bench.server_cost import ServerCost

MOST_RESULT_P99_MS = 100.0
"""What a limit is: beyond, one answer in a hundred comes a tenth of a second late."""

MOST_LATE_P99_MS = 10.0
"""A generator that is later than this measures itself."""


@dataclass(frozen=True, slots=True)
class Told:
    """What all sessions were told, from their first message to the last."""

    utterances: int
    results: int
    interims: int
    discarded: Mapping[str, int]
    """By reason. ``overloaded`` and ``failed`` are the server's; the others, the endpointer's,
    are the same for the audio alone."""
    lost: int
    """Of these, the server's."""
    errors: Mapping[str, int]
    faults: Mapping[str, int]
    """What broke a connection, or was missing."""
    pushed_back: int
    """Messages that the server's full socket did not take at once."""
    speech_share: float
    """Of the audio, inside utterances: with pre-roll and hangover."""

    @classmethod
    def of(cls, heard: Heard) -> Told:
        """Sum up."""
        return cls(
            heard.utterances,
            heard.results,
            heard.interims,
            dict(heard.discarded),
            heard.lost,
            dict(heard.errors),
            dict(heard.faults),
            heard.pushed_back,
            heard.speech_s / max(heard.audio_s, 1e-9),
        )


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Everything that is reported of a run; latencies are of the time when all spoke."""

    sessions: int
    asked_sessions: int
    refusals: Mapping[str, int]
    format: str
    speed: float
    window_s: float
    model: str
    told: Told
    result: Quantiles
    """The message with which the endpointer could decide was sent -> the result was received."""
    result_percentiles_ms: tuple[float, ...]
    """The same, 0th to 100th."""
    hangover: Quantiles
    """The speaker's last sound -> the endpointer's decision, in audio time."""
    total: Quantiles
    """The speaker's last sound -> the result was received."""
    server_latency: Quantiles
    """The server's own clock: arrival of that message -> sending of the result."""
    interim: Quantiles
    """The message that completed an interim's block was sent -> the interim was received."""
    generator_late: Quantiles
    """By the generator's own clock: what no server can be blamed for."""
    generator_core_share: float
    cores: str
    interims_dropped: int
    server: ServerCost | None
    """None of a server that was not started here."""
    batches: Batches
    match: Match | None
    """None where it was not asked for."""

    @property
    def is_generator_late(self) -> bool:
        """Whether the run says more about the generator than about the server."""
        return self.generator_late.p99_ms > MOST_LATE_P99_MS

    def complaints(self) -> Iterator[str]:
        """Say why the server did not carry this load; nothing if it did."""
        told = self.told
        if self.result.p99_ms > MOST_RESULT_P99_MS:
            yield f"p99 of results is {self.result.p99_ms:.0f} ms, over {MOST_RESULT_P99_MS:g} ms"
        if self.refusals:
            yield f"refused: {_counts(self.refusals)}"
        if told.lost:
            yield f"discarded: {_counts(told.discarded)}"
        if told.errors:
            yield f"errors: {_counts(told.errors)}"
        if told.faults:
            yield f"faults: {_counts(told.faults)}"
        if not self.result.count:
            yield "no result came while all sessions spoke"
        if self.match is not None and not self.match.is_identical:
            yield f"{self.match.differing_sessions} sessions were told something else than alone"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counted.items()))
