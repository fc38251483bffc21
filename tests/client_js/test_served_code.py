"""A module as it is served is the module as it is written, less its comments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from intone import resources
from intone.web import page_files

MODULES = sorted(
    path for folder in ("", "page") for path in (resources.page_dir() / folder).glob("*.js")
)


@pytest.fixture(scope="module")
def tidy(repo_root: Path):
    """Print code the way a whole parser does, so that what prints alike means the same."""
    node = shutil.which("node")
    esbuild = repo_root / "client_js" / "node_modules" / "esbuild" / "bin" / "esbuild"
    if node is None or not esbuild.is_file():
        pytest.skip("the package's own development tools are not installed")

    def run(code: bytes) -> bytes:
        # The program itself may be native, or a script that starts one.
        is_script = esbuild.read_bytes().startswith(b"#!")
        command = [node, esbuild] if is_script else [esbuild]
        return subprocess.run(
            [*command, "--minify-whitespace"], input=code, capture_output=True, check=True
        ).stdout

    return run


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_means_the_same_without_its_comments(path, tidy):
    source, served = path.read_bytes(), page_files.read(path).plain
    assert tidy(served) == tidy(source)
    assert len(served) < 0.9 * len(source)
