"""Every runtime and every Python hears the same in the same speech."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

TOLERANCE = 1e-3
"""In probability: two runtimes add up the same int8 products in different orders."""


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
def hear(run, data_dir):
    """What ``intone analyze`` says of all the synthetic speech, run as the words given."""
    files = sorted(data_dir.glob("*.wav"))

    def analyze(*program: object) -> list[dict[str, object]]:
        said = run(*program, "analyze", "--format", "jsonl", *files)
        return [json.loads(line) for line in said.splitlines()]

    return analyze


@pytest.fixture(scope="module")
def expected(hear):
    return hear(sys.executable, "-m", "intone")


@pytest.mark.parametrize(
    ("version", "runtime"),
    [("3.11", "tflite-runtime"), ("3.10", "ai-edge-litert"), ("3.13", "ai-edge-litert")],
)
def test_results_do_not_depend_on_runtime_and_python(
    version, runtime, expected, hear, make_environment, run
):
    old = runtime == "tflite-runtime"
    programs = make_environment(python_of(version), "[tflite-runtime]" if old else "")
    chosen = "import intone.core.tflite as tflite; print(tflite.RUNTIME)"
    assert run(programs / "python", "-c", chosen).strip() == runtime

    results = hear(programs / "intone")
    assert len(results) == len(expected) > 0
    for found, wanted in zip(results, expected, strict=True):
        for same in ("file", "channel", "start_ms", "end_ms", "model"):
            assert found[same] == wanted[same]
        for head in ("emotion", "gender"):
            assert found[head]["scores"] == pytest.approx(wanted[head]["scores"], abs=TOLERANCE)
