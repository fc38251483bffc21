"""What native code writes on standard error: kept out, and nothing else with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import soundfile
from sounds import damaged_mp3

from intone.native_output import NativeOutput


@pytest.fixture
def output(tmp_path):
    """An output of which a descriptor is kept, its number, and what came there so far."""
    path = tmp_path / "written"
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    kept = os.dup(number)
    native = NativeOutput(number)
    native.keep(kept)
    yield native, number, path.read_bytes
    os.close(kept)
    os.close(number)


def test_what_is_written_while_it_is_hidden_is_gone_and_the_rest_is_there(output):
    native, number, written = output
    os.write(number, b"before ")
    with native.hidden():
        os.write(number, b"within ")
    os.write(number, b"after")
    assert written() == b"before after"


def test_it_is_back_also_after_a_failure(output):
    native, number, written = output
    with pytest.raises(RuntimeError), native.hidden():
        raise RuntimeError
    os.write(number, b"after")
    assert written() == b"after"


def test_it_is_hidden_until_the_last_thread_is_done(output):
    native, number, written = output
    is_in, may_leave = threading.Event(), threading.Event()

    def hide():
        with native.hidden():
            is_in.set()
            assert may_leave.wait(timeout=10)

    other = threading.Thread(target=hide)
    other.start()
    assert is_in.wait(timeout=10)
    with native.hidden():
        os.write(number, b"both ")
    os.write(number, b"the other ")
    may_leave.set()
    other.join()
    os.write(number, b"nobody")
    assert written() == b"nobody"


def test_many_threads_leave_it_as_it_was(output):
    native, number, written = output

    def hide(_):
        with native.hidden():
            os.write(number, b"x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hide, range(2_000)))
    os.write(number, b"after")
    assert written() == b"after"


def test_nothing_is_hidden_where_nothing_is_kept(tmp_path):
    path = tmp_path / "written"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    with NativeOutput(number).hidden():
        os.write(number, b"within")
    os.close(number)
    assert path.read_bytes() == b"within"


PARTED = """
import faulthandler, logging, os, sys, threading, warnings
from intone.logs import set_up_logging
from intone.native_output import NATIVE_STDERR, part_stderr

part_stderr()
set_up_logging("text", "info")
with NATIVE_STDERR.hidden():
    os.write(2, b"native within\\n")
    print("printed", file=sys.stderr)
    logging.getLogger().info("logged")
    warnings.warn("warned")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    subprocess_like = os.fork()
    if not subprocess_like:
        print("forked", file=sys.stderr)
        os._exit(0)
    os.waitpid(subprocess_like, 0)
    if "crash" in sys.argv:
        faulthandler._sigabrt()
os.write(2, b"native after\\n")
raise SystemExit("said at the end")
"""


def parted(*flags, **options):
    return subprocess.run(
        [sys.executable, "-W", "always", *flags],
        stderr=subprocess.PIPE, text=True, check=False, timeout=60, **options,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_all_that_python_writes_meanwhile_is_there():
    done = parted("-c", PARTED)
    assert done.returncode == 1
    for words in ("printed", " INFO root: logged", "warned", "ZeroDivisionError", "forked"):
        assert words in done.stderr
    assert "native within" not in done.stderr
    assert done.stderr.endswith("native after\nsaid at the end\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fault_is_told_by_faulthandler_all_the_same():
    done = parted("-X", "faulthandler", "-c", PARTED, "crash")
    assert done.returncode < 0
    assert "Fatal Python error: Aborted" in done.stderr


def test_a_standard_error_that_is_something_else_is_left_alone():
    code = (
        "import io, os, sys; from intone.native_output import NATIVE_STDERR, part_stderr\n"
        "told = sys.stderr\n"
        "for sys.stderr in (io.StringIO(), open(os.devnull, 'w'), None):\n"
        "    mine = sys.stderr; part_stderr(); assert sys.stderr is mine\n"
        "assert not NATIVE_STDERR.is_kept\n"
    )
    assert parted("-c", code).returncode == 0


@pytest.fixture(scope="module")
def damaged(male_wav):
    return damaged_mp3(*soundfile.read(male_wav))


def test_a_damaged_mp3_would_be_written_about(damaged, tmp_path):
    """If libsndfile keeps mpg123 quiet, none of this is needed any more."""
    path = tmp_path / "damaged.mp3"
    path.write_bytes(damaged)
    done = parted("-c", f"import soundfile; soundfile.read({str(path)!r})")
    assert "Illegal Audio-MPEG-Header" in done.stderr


def status_of(url, content):
    try:
        with urlopen(f"{url}/v1/analyze", content, timeout=60) as response:
            return response.status
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("flags", [(), ("--workers", "2")], ids=["one", "workers"])
def test_damaged_mp3s_leave_json_logs_what_they_are(start_server, damaged, male_wav, flags):
    if flags:
        pytest.importorskip("gunicorn", reason="gunicorn does not run on Windows")
    sounds = [damaged, male_wav.read_bytes()] * 6
    with start_server("--log-format", "json", "--set=limits.max_uploads=64", *flags) as server:
        with ThreadPoolExecutor(4) as pool:
            codes = list(pool.map(lambda sound: status_of(server.url, sound), sounds))
        server.stop()
        text = server.log.read_text(encoding="utf-8")
    assert codes == [422, 200] * 6
    printed, *logged = sorted(text.splitlines(), key=lambda line: line.startswith("{"))
    assert printed.startswith("intone listens on http://127.0.0.1:")
    messages = [json.loads(line)["message"] for line in logged]
    assert messages.count("upload analysed") == 6
