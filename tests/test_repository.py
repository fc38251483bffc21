"""What must not be committed is not: recordings, weights in progress, places on one machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.metadata import version

import pytest

import intone

MAX_FILE_BYTES = 1 << 20
"""The default model is at most 500 KB, the speech of the tests 600 KB altogether."""

MAX_MODEL_BYTES = 3 << 20
"""The largest published network, cnn-bigru, has 2.4 million weights of a byte each."""

MAX_PRETRAINED_BYTES = 9 << 20
"""The two networks that `pretrained` stands on have 7.2 million, and tables in float32."""

SOUND = re.compile(r"\.(wav|flac|opus|ogg|mp3|aiff?|raw|pcm)$", re.IGNORECASE)
PLACE_ON_A_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|work)/\w+")


@pytest.fixture(scope="module")
def committed(repo_root):
    """Every file git would commit."""
    if not (repo_root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [repo_root / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_file_is_large(committed):
    limit = dict.fromkeys(committed, MAX_FILE_BYTES)
    for path in committed:
        if path.name == "model.tflite":
            is_deep = path.parent.name == "pretrained"
            limit[path] = MAX_PRETRAINED_BYTES if is_deep else MAX_MODEL_BYTES
    assert [path for path in committed if path.stat().st_size > limit[path]] == []


def test_the_only_sound_is_the_tests_synthetic_speech(committed, data_dir):
    sounds = [path for path in committed if SOUND.search(path.name)]
    assert {path.parent for path in sounds} <= {data_dir}
    assert sum(path.stat().st_size for path in sounds) <= 610_000


def test_no_file_names_a_place_on_somebodys_machine(committed):
    found = {}
    for path in committed:
        content = path.read_bytes()
        if b"\0" not in content:
            places = PLACE_ON_A_MACHINE.findall(content.decode("utf-8"))
            found.update({path.name: places} if places else {})
    found.pop("test_repository.py", None)
    assert found == {}


def test_the_page_depends_on_nothing_at_run_time(repo_root):
    package = json.loads((repo_root / "client_js" / "package.json").read_text(encoding="utf-8"))
    assert not package.get("dependencies")


def test_the_lock_file_names_no_registry(repo_root):
    lock = (repo_root / "client_js" / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "integrity" in lock


def test_the_version_is_the_same_everywhere(repo_root):
    declared = re.search(
        r'^version = "(.+)"$',
        (repo_root / "pyproject.toml").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert declared is not None
    assert declared[1] == intone.__version__ == version("intone")


def test_the_changelog_has_a_place_for_what_comes_next(repo_root):
    changelog = (repo_root / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", heading) for heading in headings[1:])
