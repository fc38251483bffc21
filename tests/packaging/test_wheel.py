"""The wheel alone serves: built, installed into an empty environment, started elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
import zipfile
from pathlib import Path

import pytest


def test_the_wheel_carries_the_package_the_models_and_the_page(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "intone/py.typed",
        "intone/__main__.py",
        "intone_lab/corpora.py",
        "intone_bench/peers/floor.py",
        "intone/_models/gru/model.tflite",
        "intone/_models/gru/card.json",
        "intone/_models/gru/report.md",
        "intone/_page/page/index.html",
        "intone/_page/worklet.js",
        "intone/_page/page/style.css",
    ):
        assert needed in names


def test_the_wheel_carries_nothing_else(wheel):
    for name in zipfile.ZipFile(wheel).namelist():
        top = name.split("/")[0]
        assert top in {"intone", "intone_lab", "intone_bench"} or top.endswith(".dist-info"), name
        assert not re.search(r"node_modules|/test/|tests/|\.keras$|\.wav$|__pycache__", name), name
        page = re.fullmatch(r"intone/_page/(.+)", name)
        assert page is None or Path(page[1]).suffix in {".js", ".html", ".css", ".svg"}, name


@pytest.fixture(scope="module")
def programs(make_environment):
    """The programs of an environment with the wheel, and only what it asks for."""
    return make_environment()


@pytest.fixture(scope="module")
def wheel_server(start_server, programs, tmp_path_factory):
    """Base URL of a server started from the wheel, in a folder that has nothing to do with it."""
    program = (programs / "intone",)
    with start_server(program=program, cwd=tmp_path_factory.mktemp("elsewhere")) as running:
        yield running.url


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.status == 200
        content: bytes = response.read()
        return content


def test_it_serves_the_page_and_the_model(wheel_server):
    page = fetch(f"{wheel_server}/").decode()
    assert "<html" in page
    models = json.loads(fetch(f"{wheel_server}/v1/models"))
    assert models["default"] == "gru"
    (gru,) = [model for model in models["models"] if model["name"] == "gru"]
    assert len(gru["emotions"]) == 8
    # Every module and style the page names comes along.
    for link in re.findall(r'(?:src|href)="(client/[^"]+)"', page):
        assert fetch(f"{wheel_server}/{link}")


def test_it_hears_a_file(programs, male_wav, tmp_path):
    done = subprocess.run(
        [programs / "intone", "analyze", "--format", "jsonl", male_wav],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (utterance,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert utterance["model"] == "gru"
    assert sum(utterance["emotion"]["scores"].values()) == pytest.approx(1, abs=0.01)
