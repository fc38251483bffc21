"""Whether a session is told under load what the same audio alone is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intone.web import codec, wire
from intone_bench.hearing import UtteranceEvent, events_of
from intone_bench.lines import Log

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Match:
    """Every event, field by field, all but ``latency_ms``."""

    sessions: int
    events: int
    """Identical: starts, results, discards and interims."""
    interims_missing: int
    """A server that is behind drops them, and says how many; the others must be identical."""
    differing_sessions: int
    differences: tuple[str, ...]
    """The first of some sessions that differ."""

    @property
    def is_identical(self) -> bool:
        """Whether nothing differs."""
        return not self.differing_sessions


def match(logs: Sequence[Log], alone: Sequence[Sequence[UtteranceEvent]]) -> Match:
    """Compare every session with its track's events ``alone``."""
    events, missing, differing = 0, 0, 0
    differences: list[str] = []
    for number, log in enumerate(logs):
        told, expected = events_of(log), list(alone[log.track])
        interims = {_key(event): event for event in told if isinstance(event, wire.Interim)}
        kept = [
            event
            for event in expected
            if not isinstance(event, wire.Interim) or _key(event) in interims
        ]
        missing += len(expected) - len(kept)
        difference = _first_difference(told, kept)
        if difference is None:
            events += len(told)
            continue
        differing += 1
        if len(differences) < _MOST_SHOWN:
            differences.append(f"session {number}, track {log.track}: {difference}")
    return Match(len(logs), events, missing, differing, tuple(differences))


def _key(interim: wire.Interim) -> tuple[int, int]:
    return interim.utterance_id, interim.end_ms


def _first_difference(
    told: Sequence[UtteranceEvent], expected: Sequence[UtteranceEvent]
) -> str | None:
    for got, wanted in zip(told, expected, strict=False):
        if got != wanted:
            return f"told {codec.encode(got)}, alone {codec.encode(wanted)}"
    if len(told) != len(expected):
        return f"told {len(told)} events, alone {len(expected)}"
    return None
