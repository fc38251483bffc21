"""What was measured on: figures of another machine are other figures."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import intone
from intone.core.interpreter import RUNTIME


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and what runs on it; nothing that names it."""

    processor: str
    cores: int
    load_1min: float
    """Waiting or running processes as the measuring began: on an idle machine about 0."""
    system: str
    python: str
    intone: str
    runtime: str
    has_uvloop: bool

    def __str__(self) -> str:
        loop = "uvloop" if self.has_uvloop else "asyncio"
        return (
            f"{self.processor}, {self.cores} cores, load {self.load_1min:.1f}; {self.system}, "
            f"Python {self.python}, {self.runtime}, {loop}; intone {self.intone}"
        )


def this_machine() -> Machine:
    """Describe the machine."""
    return Machine(
        _processor(),
        os.cpu_count() or 1,
        os.getloadavg()[0],
        f"{platform.system()} {platform.release().partition('-')[0]}",
        platform.python_version(),
        intone.__version__,
        RUNTIME,
        find_spec("uvloop") is not None,
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
