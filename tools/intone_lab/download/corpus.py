"""A whole corpus: every file of its home into one folder, once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from intone_lab.download.errors import DownloadError
from intone_lab.download.fetching import Fetcher, Patience, RemoteFile
from intone_lab.download.listing import list_files
from intone_lab.download.sources import Source
from intone_lab.download.unpacking import unpack, within

STAMP = ".intone-download.json"
"""Written last: names every file that came, so that a second run need ask nobody."""

AT_A_TIME = 4
"""Thousands of small files wait for the network, one after the other; their homes are shared."""


class Progress(Protocol):
    """Is told how it goes; from several threads at once."""

    def expect(self, files: int) -> None:
        """So many files are to come."""

    def advance(self, count_bytes: int) -> None:
        """Bytes came; a negative number were lost again."""

    def done(self) -> None:
        """One file is there."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a download brought."""

    folder: Path
    files: int
    was_there: bool
    """Nothing was asked of the network."""
    sha256: str | None
    """Of the archive, where its home publishes no checksum to hold it against."""


def download(
    source: Source, folder: Path, progress: Progress, patience: Patience | None = None
) -> Fetched:
    """Fetch a corpus into ``folder``, going on where an earlier call stopped.

    Raises :class:`DownloadError`.
    """
    stamped = _read_stamp(source, folder)
    if stamped is not None:
        return Fetched(folder, len(stamped), was_there=True, sha256=None)
    with Fetcher(patience) as fetcher:
        files = list_files(source, fetcher.json)
        for file in files:
            within(folder, file.path)
        progress.expect(len(files))
        fetched = _fetch_all(files, folder, progress, fetcher)
    unchecked = [p for f, p in zip(files, fetched, strict=True) if f.checksum is None]
    sha256 = _sha256(unchecked[0]) if unchecked else None
    kept = [path for path in fetched if path.suffix.lower() != ".zip"]
    archives = [path for path in fetched if path.suffix.lower() == ".zip"]
    for archive in archives:
        kept += unpack(archive, folder)
    _write_stamp(source, folder, kept)
    for archive in archives:
        archive.unlink()
    return Fetched(folder, len(kept), was_there=False, sha256=sha256)


def _fetch_all(
    files: Sequence[RemoteFile], folder: Path, progress: Progress, fetcher: Fetcher
) -> list[Path]:
    stopped = threading.Event()

    def advance(count_bytes: int) -> None:
        if stopped.is_set():
            raise DownloadError("stopped")
        progress.advance(count_bytes)

    def fetch(file: RemoteFile) -> Path:
        path = fetcher.fetch(file, folder, advance)
        progress.done()
        return path

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        work = [pool.submit(fetch, file) for file in files]
        try:
            wait(work, return_when=FIRST_EXCEPTION)
            return [job.result() for job in work if job.done()]
        finally:
            # After one failure, or Ctrl-C, the others need not come to their ends.
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _write_stamp(source: Source, folder: Path, files: Sequence[Path]) -> None:
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    content = json.dumps({"home": source.home, "files": sizes}, indent=1, sort_keys=True)
    try:
        (folder / STAMP).write_text(content, encoding="utf-8")
    except OSError as error:
        raise DownloadError(f"cannot write under {folder}: {error.strerror or error}") from error


def _read_stamp(source: Source, folder: Path) -> dict[str, int] | None:
    """Return the files of an earlier download; None unless each is there as it came."""
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        sizes: dict[str, int] = stamp["files"]
        whole = stamp["home"] == source.home and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return sizes if whole else None
