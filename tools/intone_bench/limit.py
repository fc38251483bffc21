"""How many sessions the server carries: doubled until it does not, then halved between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from intone_bench.load_report import LoadReport

_CLOSE_ENOUGH = 1.05
"""Runs differ by more than 5 %."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Every run that was made, and what they say."""

    runs: tuple[LoadReport, ...]
    carried: int
    """The most sessions of a run without complaint; 0 if there was none."""
    stopped_by: str
    """Why no more were carried."""


def climb(run: Callable[[int], LoadReport], first: int, most: int) -> Climb:
    """Call ``run`` with numbers of sessions, from ``first`` up to ``most``, until it is known."""
    runs: list[LoadReport] = []
    reasons: dict[int, str] = {}
    search = _Search(first, most)
    for sessions in search.numbers():
        report = run(sessions)
        runs.append(report)
        complaints = list(report.complaints())
        if complaints and report.is_generator_late:
            complaints.append("but the generator was late too: this says nothing of the server")
        search.is_carried = not complaints
        reasons[sessions] = "; ".join(complaints)
    ordered = tuple(sorted(runs, key=lambda report: report.asked_sessions))
    stopped_by = reasons.get(search.refused or 0, f"no more than {most} were to be tried")
    return Climb(ordered, search.carried, stopped_by)


@dataclass(slots=True)
class _Search:
    first: int
    most: int
    carried: int = 0
    refused: int | None = None
    is_carried: bool = False
    """What became of the number given last."""

    def numbers(self) -> Iterator[int]:
        sessions: int | None = min(self.first, self.most)
        while sessions is not None:
            yield sessions
            if self.is_carried:
                self.carried = sessions
            else:
                self.refused = sessions
            sessions = self._next()

    def _next(self) -> int | None:
        if self.refused is None:
            return min(2 * self.carried, self.most) if self.carried < self.most else None
        if self.refused <= max(self.carried + 1, _CLOSE_ENOUGH * self.carried):
            return None
        return (self.carried + self.refused) // 2
