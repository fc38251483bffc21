"""Work in processes of its own: what fails is told at once, and a stop is a stop."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from spawned import negate, product_threads

from intone_lab.processes import each_alone, fresh_processes


def test_results_come_in_order_and_a_failure_leaves_the_others_their_time(capsys):
    assert each_alone(negate, {"one": (1,), "two": (2,)}, 2) == [-1, -2]
    with pytest.raises(ValueError, match="negative"):
        each_alone(negate, {"bad": (-1,), "two": (2,)}, 1)
    assert "bad failed, the others go on" in capsys.readouterr().out


THREE_AFTER_ANOTHER = """
import sys
from pathlib import Path

sys.path[:0] = sys.argv[2:]

from intone_lab.processes import each_alone
from spawned import begin_and_wait

each_alone(begin_and_wait, {name: (Path(sys.argv[1], name),) for name in "abc"}, 1)
"""


@contextlib.contextmanager
def first_of_three(tmp_path, stdout=None):
    """A process of which the first of three calls has begun."""
    paths = [path for path in sys.path if path]
    # A shell's background jobs, of which the tests may be one, do not hear of Ctrl-C.
    hears = ("env", "--default-signal=INT")
    process = subprocess.Popen(
        [*hears, sys.executable, "-c", THREE_AFTER_ANOTHER, tmp_path, *paths],
        start_new_session=True,
        stdout=stdout,
    )
    with process:
        deadline_s = time.monotonic() + 30
        while not (tmp_path / "a").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        yield process


def test_ctrl_c_begins_nothing_more(tmp_path):
    with first_of_three(tmp_path) as process:
        # As a terminal does: to everybody in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) != 0
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_none_outlives_the_process_that_called(tmp_path):
    with first_of_three(tmp_path, subprocess.PIPE) as process:
        process.kill()
        # Whoever lives holds the other end open.
        assert process.communicate(timeout=30)[0] == b""


def test_each_multiplies_arrays_in_one_thread():
    with fresh_processes(1) as pool:
        assert pool.submit(product_threads).result() == {1}


def test_to_end_with_their_parent_the_bench_s_processes_need_nothing_of_the_lab_s_extra():
    paths = [path for path in sys.path if path]
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; sys.modules['threadpoolctl'] = None\n"
        "import intone_bench.generator, intone_bench.bad_sessions"
    )
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
