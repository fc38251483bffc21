"""The wheel, and environments that hold it and only what it asks for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MakeEnvironment = Callable[..., Path]


def _run(*command: object) -> str:
    """Run a command that must succeed; return what it printed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """``run(*command)`` runs a command that must succeed, and gives what it printed."""
    return _run


@pytest.fixture(scope="session")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout as it stands."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, repo_root)
    (path,) = folder.glob("intone-*.whl")
    return path


@pytest.fixture(scope="session")
def make_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeEnvironment:
    """``make_environment(python, extra)`` installs the wheel; gives the folder of its programs."""

    def make(python: str = sys.executable, extra: str = "") -> Path:
        folder = tmp_path_factory.mktemp("environment")
        _run(python, "-m", "venv", folder)
        _run(folder / "bin" / "pip", "install", "--quiet", f"{wheel}{extra}")
        return folder / "bin"

    return make
