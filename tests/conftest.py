"""What every test may ask for: where things lie, and the speech to feed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

READY_S = 30.0
"""A first start compiles every module; a started machine answers in a second or two."""

STOP_S = 20.0
"""Longer than a server's own drain of 10 s."""


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The checkout."""
    return REPO


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The committed synthetic speech; ``tests/data/make.sh`` says what is in it."""
    return REPO / "tests" / "data"


@pytest.fixture(scope="session")
def male_wav(data_dir: Path) -> Path:
    """One utterance, 16 kHz 16-bit mono."""
    return data_dir / "male_16k.wav"


@pytest.fixture(scope="session")
def female_wav(data_dir: Path) -> Path:
    """One utterance, 16 kHz 16-bit mono."""
    return data_dir / "female_16k.wav"


@pytest.fixture(scope="session")
def two_utterances_wav(data_dir: Path) -> Path:
    """A man, 1.5 s of silence, a woman; 16 kHz 16-bit mono."""
    return data_dir / "two_utterances_16k.wav"


@pytest.fixture(scope="session")
def stereo_wav(data_dir: Path) -> Path:
    """A man on the left, a woman on the right, at once; 48 kHz 24-bit."""
    return data_dir / "stereo_48k_24bit.wav"


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Recorded speech outside the repository: ``INTONE_CORPORA``, or beside the checkout."""
    root = Path(os.environ.get("INTONE_CORPORA") or REPO.parent / "shared" / "corpora")
    if not root.is_dir():
        pytest.skip("no corpora: INTONE_CORPORA names no folder")
    return root


@pytest.fixture(scope="session")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: every architecture of the lab but the shipped one, random weights."""
    if find_spec("tensorflow") is None:
        pytest.skip("the lab's extra is not installed")
    folder = tmp_path_factory.mktemp("models")
    names = ("lstm", "bilstm", "cnn", "cnn-bigru")
    program = REPO / "tests" / "random_models.py"
    done = subprocess.run(
        [sys.executable, program, folder, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


# --- real servers -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A process that serves, ready when it is handed out."""

    process: subprocess.Popen[bytes]
    log: Path
    """What it wrote on standard output and standard error so far."""
    url: str
    """``http://127.0.0.1:PORT``"""

    @property
    def ws_url(self) -> str:
        return self.url.replace("http:", "ws:", 1)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_S)


StartServer = Callable[..., AbstractContextManager[RunningServer]]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> StartServer:
    """A context manager ``start_server(*flags, program=…, cwd=…)`` of a server on a free port.

    It must end by itself with exit code 0 when asked to, or the test fails.
    """

    @contextlib.contextmanager
    def start(
        *flags: str,
        program: tuple[str | Path, ...] = (sys.executable, "-m", "intone"),
        cwd: Path | None = None,
    ) -> Iterator[RunningServer]:
        folder = tmp_path_factory.mktemp("server")
        log = folder / "log"
        # Neither this shell's settings nor its import path are part of what is tested.
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("INTONE_") and key != "PYTHONPATH"
        }
        port = () if "--port" in flags else ("--port", "0")
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*program, "serve", *port, *flags],
                cwd=cwd or folder,
                env=clean,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        server = None
        try:
            server = RunningServer(process, log, _ready_url(process, log))
            yield server
        finally:
            if process.poll() is None:
                if server is None:
                    process.kill()
                process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=STOP_S)
        assert code == 0, log.read_text(encoding="utf-8")

    return start


def _ready_url(process: subprocess.Popen[bytes], log: Path) -> str:
    """Ask the log for the address, then the address for readiness, up to a deadline."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        said = log.read_text(encoding="utf-8")
        assert process.poll() is None, said
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d*", said)
        if found:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{found[0]}/readyz", timeout=5).close()
                return found[0]
        time.sleep(0.02)
    raise AssertionError(f"not ready after {READY_S} s:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="session")
def server(start_server: StartServer) -> Iterator[RunningServer]:
    """One server with default settings for every test that changes nothing about it."""
    with start_server() as running:
        yield running


@pytest.fixture
def beside_speech(tmp_path, male_wav):
    """A folder with ``speech.wav``, as the examples expect it."""
    shutil.copy(male_wav, tmp_path / "speech.wav")
    return tmp_path
