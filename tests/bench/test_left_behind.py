"""Nothing that a bench started outlives it, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

DEADLINE_S = 30.0

A_BENCH = """
import multiprocessing
import signal
import sys

sys.path[:0] = sys.argv[1:]

from intone_bench.bad_sessions import misbehaving
from intone_bench.fleet import fleet
from intone_bench.serving import intone_serve, serving
from intone_bench.tracks import Format, Track

message = bytes(Format.WIDE.message_bytes)
track = Track(Format.WIDE, (message,), (), (1_600,))
with (
    serving(None, intone_serve()) as server,
    fleet(server.address, (track,), [0], stagger_s=0.0, cores=None),
    misbehaving("reads nothing", server.address.port, message),
):
    print(server.pid, *(child.pid for child in multiprocessing.active_children()), flush=True)
    signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_server_generator_and_bad_company_end_with_the_bench(number, tmp_path):
    paths = [path for path in sys.path if path]
    command = [sys.executable, "-c", A_BENCH, *paths]
    # A folder that nobody is left to remove is not to lie about.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as bench:
        assert bench.stdout is not None
        started = [os.pidfd_open(int(pid)) for pid in bench.stdout.readline().split()]
        assert len(started) == 3
        bench.send_signal(number)
        for process in started:
            # Readable once it has ended.
            assert select.select([process], [], [], DEADLINE_S)[0]
            os.close(process)
