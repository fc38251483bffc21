"""What the pages of the documentation show: their code, and how it is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


def run_python(source: str, folder: os.PathLike[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
