"""Servers and programs under test: processes of their own, on cores of their own."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from intone_bench.dialling import Address

_READY_S = 60.0
"""A first start compiles every module, maybe on a busy machine."""
_STOP_S = 30.0
"""Over the server's own drain of 10 s."""

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class NotServing(Exception):
    """The server did not start, or ended by itself; shows what it said last."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where; None where the machine has one core, or the caller wants no pinning."""

    server: frozenset[int] | None
    generator: frozenset[int] | None

    def __str__(self) -> str:
        if self.server is None or self.generator is None:
            return "server and generator are not pinned and share the machine's cores"
        return f"server on core {_named(self.server)}, generator on core {_named(self.generator)}"


def part_cores(server_cores: int = 1) -> Cores:
    """Give the server the first ``server_cores`` cores and the generator the others."""
    there = sorted(os.sched_getaffinity(0))
    if len(there) <= server_cores:
        return Cores(None, None)
    return Cores(frozenset(there[:server_cores]), frozenset(there[server_cores:]))


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves."""

    address: Address
    pid: int


@contextmanager
def serving(
    cores: frozenset[int] | None,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start ``python *arguments``, pinned to ``cores``, and stop it afterwards.

    It says ``listens on http://HOST:PORT``. Raises :class:`NotServing`.
    """
    with tempfile.TemporaryDirectory(prefix="intone-bench-") as folder:
        log = Path(folder, "log")
        process = start_pinned(
            [sys.executable, *arguments], cores, output=log, environment=environment or {}
        )
        try:
            yield Server(_ready(process, log), process.pid)
        except OSError as error:
            # Of a server that is gone, this is but the consequence.
            _check_alive(process, log, error)
            raise
        else:
            _check_alive(process, log)
        finally:
            _stop(process)


def intone_serve(*flags: str) -> list[str]:
    """Return the arguments of a server on a free port."""
    return ["-m", "intone", "serve", "--port", "0", *flags]


def start_pinned(
    command: Sequence[str],
    cores: frozenset[int] | None,
    *,
    output: Path,
    environment: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """Start ``command`` on ``cores``, with ``environment`` added to this shell's.

    It is told to end (SIGTERM) when the thread that calls this ends, however that ends.
    """
    # This shell's settings of the server are not part of what is measured.
    clean = {key: value for key, value in os.environ.items() if not key.startswith("INTONE_")}
    mine = os.sched_getaffinity(0)
    with output.open("wb") as sink:
        try:
            # A child inherits its affinity; set later, threads might have started elsewhere.
            os.sched_setaffinity(0, cores or mine)
            return subprocess.Popen(  # noqa: S603 - the caller's own interpreter and module
                command,
                env=clean | dict(environment),
                stdout=sink,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - a system call, nothing else
            )
        finally:
            os.sched_setaffinity(0, mine)


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _ready(process: subprocess.Popen[bytes], log: Path) -> Address:
    until_s = time.monotonic() + _READY_S
    while time.monotonic() < until_s:
        said = log.read_text("utf-8", errors="replace")
        if process.poll() is not None:
            raise NotServing(f"the server did not start:\n{_last_words(log)}")
        found = re.search(r"listens on (http://\S+:[1-9]\d*)", said)
        if found:
            address = Address.of(found[1])
            with suppress(OSError):
                urllib.request.urlopen(f"{address.http_url}/readyz", timeout=5).close()  # noqa: S310
                return address
        time.sleep(0.02)
    raise NotServing(f"the server was not ready after {_READY_S:g} s:\n{_last_words(log)}")


def _check_alive(process: subprocess.Popen[bytes], log: Path, cause: OSError | None = None) -> None:
    if process.poll() is not None:
        how = f"the server ended during the run ({process.returncode})"
        raise NotServing(f"{how}:\n{_last_words(log)}") from cause


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-8:])


def _named(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))
