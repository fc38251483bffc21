"""What processes use, as the system counts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from intone_bench.serving import part_cores
from intone_bench.usage import family, usage


def test_a_process_that_works_uses_time_and_memory():
    before = usage([os.getpid()])
    until_s = time.process_time() + 0.2
    held = bytearray(64 << 20)
    while time.process_time() < until_s:
        held[0] ^= 1
    after = usage([os.getpid()])
    assert after.cpu_s - before.cpu_s > 0.1
    assert after.resident_bytes > 32 << 20
    assert after.processes == 1


def test_workers_belong_to_their_parent():
    worker = "print(1, flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        found = family(parent.pid)
        assert len(found) == 2
        together = usage(found)
        parent.communicate(b"\n")
    assert together.processes == 2
    assert together.resident_bytes > 1 << 20


def test_server_and_generator_share_no_core():
    cores = part_cores()
    if cores.server is None or cores.generator is None:
        assert len(os.sched_getaffinity(0)) == 1
        assert "not pinned" in str(cores)
    else:
        assert not cores.server & cores.generator
        assert cores.server | cores.generator == os.sched_getaffinity(0)
    assert part_cores(10_000).server is None
