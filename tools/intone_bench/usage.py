"""What the server's processes use, as Linux counts it under ``/proc``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """So far, and now."""

    cpu_s: float
    resident_bytes: int
    threads: int
    processes: int


def family(pid: int) -> list[int]:
    """Return ``pid`` and its descendants: a server may have workers."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").iterdir():
            try:
                found += map(int, (task / "children").read_text("ascii").split())
            except OSError:  # the thread, or the process, ended meanwhile
                continue
    return found


def usage(pids: list[int]) -> Usage:
    """Sum up the processes. Of several, memory that they share counts once."""
    cpu_s, threads = 0.0, 0
    for pid in pids:
        # The name, in brackets, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) * _TICK_S
        threads += int(fields[17])
    resident = _rss(pids[0]) if len(pids) == 1 else sum(map(_pss, pids))
    return Usage(cpu_s, resident, threads, len(pids))


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024
    return 0
