"""Every runtime and every Python hears the same in the same speech."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOLERANCE = 3e-3
"""In probability: two runtimes, and one on two kinds of processor (0.0011 seen), add up the same
products in different orders, and an activation on an edge is rounded to the other int8."""
DEEP_TOLERANCE = 0.05
"""Of `pretrained`: tflite-runtime rounds the activations before each of its thirty products in
another way (0.026 seen)."""


def python_of(version: str) -> str:
    """An interpreter of this version, or the test is skipped."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    program = shutil.which(f"python{version}")
    # A shim may be there without the interpreter behind it.
    if (
        program is None
        or subprocess.run([program, "-V"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"no python{version} here")
    return program


@pytest.fixture(scope="module")
def expected(repo_root):
    """What the shipped model said of all the synthetic speech when it came.

    Made anew with a new model: in ``tests/data``,
    ``intone analyze --format jsonl *.wav > ../golden/analyze.jsonl``.
    """
    golden = repo_root / "tests" / "golden" / "analyze.jsonl"
    return [json.loads(line) for line in golden.read_text().splitlines()]


@pytest.fixture(scope="module")
def check(run, data_dir, expected):
    """``check(*program)`` holds ``program analyze`` against the golden results."""
    files = sorted(data_dir.glob("*.wav"))

    def analyze(*program: object) -> None:
        said = run(*program, "analyze", "--format", "jsonl", *files)
        assert_same([json.loads(line) for line in said.splitlines()], expected)

    return analyze


def assert_same(results, expected, tolerance=TOLERANCE):
    assert len(results) == len(expected) > 0
    for found, wanted in zip(results, expected, strict=True):
        assert Path(found["file"]).name == Path(wanted["file"]).name
        for same in ("channel", "start_ms", "end_ms", "model"):
            assert found[same] == wanted[same]
        for head in ("emotion", "gender"):
            assert found[head]["scores"] == pytest.approx(wanted[head]["scores"], abs=tolerance)


@pytest.fixture(scope="module")
def check_others(run, data_dir, random_models):
    """``check_others(*program)`` holds it, on every other model, against this Python."""
    names = [*sorted(path.name for path in random_models.iterdir()), "pretrained"]
    files = sorted(data_dir.glob("*.wav"))

    def said(program, name):
        flags = ("--models-dir", random_models, "--model", name, "--format", "jsonl")
        lines = run(*program, "analyze", *flags, *files).splitlines()
        return [json.loads(line) for line in lines]

    here = {name: said((sys.executable, "-m", "intone"), name) for name in names}

    def analyze(*program: object) -> None:
        for name in names:
            tolerance = DEEP_TOLERANCE if name == "pretrained" else TOLERANCE
            assert_same(said(program, name), here[name], tolerance)

    return analyze


def test_this_python_gives_the_golden_results(check):
    check(sys.executable, "-m", "intone")


@pytest.mark.parametrize(
    ("version", "runtime"),
    [
        ("3.11", "tflite-runtime"),
        ("3.10", "ai-edge-litert"),
        ("3.13", "ai-edge-litert"),
        ("3.14", "ai-edge-litert"),
    ],
)
def test_results_do_not_depend_on_runtime_and_python(
    version, runtime, check, check_others, make_environment, run
):
    extra = "[tflite-runtime]" if runtime == "tflite-runtime" else ""
    programs = make_environment(python_of(version), extra)
    chosen = "import intone.core.interpreter as it; print(it.RUNTIME)"
    assert run(programs / "python", "-c", chosen).strip() == runtime
    check(programs / "intone")
    check_others(programs / "intone")
