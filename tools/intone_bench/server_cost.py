"""What the server under test used, from what was seen of its processes."""

from __future__ import annotations

from dataclasses import dataclass

from intone_bench.scrape import Counters
from intone_bench.usage import Usage


@dataclass(frozen=True, slots=True)
class ServerCost:
    """While all sessions spoke."""

    cpu_ms_per_audio_s: float
    core_share: float
    """Of one core."""
    resident_mib: float
    """Warmed up, before the sessions came."""
    idle_kib_per_session: float
    """More than that with all sessions open and nothing sent yet."""
    speaking_kib_per_session: float
    """More than that at most, while they spoke."""
    processes: int
    threads: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Seen at once; no usage of a server that was not started here."""

    at_s: float
    usage: Usage | None
    counters: Counters


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was seen of the server during a run."""

    before: Usage | None
    idle: Usage | None
    most_bytes: int
    start: Moment
    end: Moment

    @property
    def counted(self) -> Counters:
        """What its counters counted in the window."""
        return self.end.counters.since(self.start.counters)

    def cost(self, sessions: int) -> ServerCost | None:
        """Return what ``sessions`` cost."""
        before, idle, start, end = self.before, self.idle, self.start.usage, self.end.usage
        if before is None or idle is None or start is None or end is None or not sessions:
            return None
        cpu_s = end.cpu_s - start.cpu_s
        wall_s = self.end.at_s - self.start.at_s
        # What it took, not what it was sent: over its limit it is behind.
        audio_s = self.counted["intone_audio_received_seconds_total"]
        return ServerCost(
            cpu_ms_per_audio_s=1_000 * cpu_s / max(audio_s, 1e-9),
            core_share=cpu_s / wall_s,
            resident_mib=before.resident_bytes / (1 << 20),
            idle_kib_per_session=(idle.resident_bytes - before.resident_bytes) / 1_024 / sessions,
            speaking_kib_per_session=(self.most_bytes - before.resident_bytes) / 1_024 / sessions,
            processes=end.processes,
            threads=end.threads,
        )
