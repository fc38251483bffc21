"""An archive of three clips for the tests of downloads, and what they ask of it."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile
from corpus_home import Home, Served

from intone_lab.download.fetching import CHUNK_BYTES, Patience
from intone_lab.download.sources import Archive, Source

QUICK = Patience(connect_s=5, read_s=5, retries=2, backoff_s=0)
ZIP = "/files/speech.zip"
NAMES = tuple(f"Actor_0{actor}/03-01-03-01-01-01-0{actor}.wav" for actor in (1, 2, 3))


class Told:
    """Notes what a download reports."""

    def __init__(self):
        self.files = self.finished = self.count_bytes = 0

    def expect(self, files):
        self.files = files

    def advance(self, count_bytes):
        self.count_bytes += count_bytes

    def done(self):
        self.finished += 1


def wav(seed: int) -> bytes:
    """Half a second of noise: what does not compress is not cut off by luck."""
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(seed).standard_normal(8_000)
    soundfile.write(file, noise, 16_000, format="WAV")
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


CONTENT = zipped({name: wav(seed) for seed, name in enumerate(NAMES)})


HALF = len(CONTENT) // 2 // CHUNK_BYTES * CHUNK_BYTES
"""Broken off between two chunks, nothing of what came is lost."""


def md5(content: bytes) -> str:
    return "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest()


def archive_at(home: Home, checksum: str | None = md5(CONTENT)) -> Source:
    home.files.setdefault(ZIP, Served(CONTENT))
    return Source("ravdess", home.url, 1, len(NAMES), Archive(home.url + ZIP, checksum))


def files_under(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
