"""The wheel alone serves: built, installed into an empty environment, started elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

START_S = 30.0
"""A first start compiles every module of every dependency."""


@pytest.fixture(scope="module")
def wheel(repo_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, repo_root)
    (path,) = folder.glob("intone-*.whl")
    return path


def run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_carries_the_package_the_models_and_the_page(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "intone/py.typed",
        "intone/__main__.py",
        "intone_lab/corpora.py",
        "intone/_models/gru/model.tflite",
        "intone/_models/gru/card.json",
        "intone/_models/gru/report.md",
        "intone/_page/index.html",
        "intone/_page/worklet.js",
        "intone/_page/style.css",
    ):
        assert needed in names


def test_the_wheel_carries_nothing_else(wheel):
    for name in zipfile.ZipFile(wheel).namelist():
        top = name.split("/")[0]
        assert top in {"intone", "intone_lab"} or top.endswith(".dist-info"), name
        assert not re.search(r"node_modules|/test/|tests/|\.keras$|\.wav$|__pycache__", name), name
        page = re.fullmatch(r"intone/_page/(.+)", name)
        assert page is None or Path(page[1]).suffix in {".js", ".html", ".css", ".svg"}, name


@pytest.fixture(scope="module")
def empty_environment(wheel, tmp_path_factory):
    """The folder of programs of an environment with the wheel, and only what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel)
    return folder / "bin"


@pytest.fixture
def server(empty_environment, tmp_path):
    """Base URL of a server started from the wheel in a folder of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("INTONE_")}
    clean.pop("PYTHONPATH", None)
    log = tmp_path / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [empty_environment / "intone", "serve", "--port", "0"],
            cwd=tmp_path,
            env=clean,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        yield wait_until_ready(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=20)
    assert code == 0, log.read_text(encoding="utf-8")


def wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """Poll the log for the address and the address for readiness, up to a deadline."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        said = log.read_text(encoding="utf-8")
        assert process.poll() is None, said
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        if found:
            with contextlib.suppress(OSError):
                fetch(found[0] + "/readyz")
                return found[0]
        time.sleep(0.02)
    raise AssertionError(f"not ready after {START_S} s:\n{log.read_text(encoding='utf-8')}")


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.status == 200
        content: bytes = response.read()
        return content


def test_it_serves_the_page_and_the_model(server):
    page = fetch(f"{server}/").decode()
    assert "<html" in page
    models = json.loads(fetch(f"{server}/v1/models"))
    assert models["default"] == "gru"
    (gru,) = [model for model in models["models"] if model["name"] == "gru"]
    assert len(gru["emotions"]) == 8
    # Every module and style the page names comes along.
    for link in re.findall(r'(?:src|href)="(client/[^"]+)"', page):
        assert fetch(f"{server}/{link}")


def test_it_hears_a_file(empty_environment, male_wav, tmp_path):
    done = subprocess.run(
        [empty_environment / "intone", "analyze", "--format", "jsonl", male_wav],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (utterance,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert utterance["model"] == "gru"
    assert sum(utterance["emotion"]["scores"].values()) == pytest.approx(1, abs=0.01)
