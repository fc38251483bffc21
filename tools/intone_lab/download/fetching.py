"""Files over HTTP, by pooch; what pooch lacks, going on where a transfer broke off, is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import pooch
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from intone_lab.download.checksums import GIT, is_git_blob
from intone_lab.download.errors import DownloadError
from intone_lab.download.partial import Partial

BUSY = (429, 500, 502, 503, 504)
"""Answers that ask to come again; GitLab sends 429 with the time to wait."""

CHUNK_BYTES = 1 << 13
"""A chunk that breaks off is lost: the smaller, the more is kept."""

USELESS_ATTEMPTS = 3
"""Transfers in a row that bring nothing before we give up; one that brings something goes on."""

Advance = Callable[[int], None]
"""Is told of every byte that comes, and of bytes lost as a negative number."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a corpus's home."""

    url: str
    path: str
    """Where it belongs under the corpus's folder, with ``/`` between names."""
    checksum: str | None
    """``md5:…``, or ``git:…`` for git's id of the file or of its git-lfs pointer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server."""

    connect_s: float = 10.0
    read_s: float = 60.0
    """Archives that a server makes while it sends them come in bursts."""
    retries: int = 3
    backoff_s: float = 1.0
    """Doubled from one retry to the next: 6 s in all, unless the server names a time."""


class _BrokenOff(Exception):
    """A transfer that did not come to its end."""


@final
class Fetcher:
    """Gets listings and files, over connections that it keeps: a context manager."""

    def __init__(self, patience: Patience | None = None) -> None:
        patience = patience or Patience()
        self._timeout = (patience.connect_s, patience.read_s)
        retry = Retry(
            patience.retries,
            backoff_factor=patience.backoff_s,
            status_forcelist=BUSY,
            raise_on_status=False,
        )
        self._session = requests.Session()
        # Bytes that were compressed on the way could not be counted on from.
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))
        # It names every file at INFO.
        pooch.get_logger().setLevel("WARNING")

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def json(self, url: str) -> Any:
        """Return what a listing says. Raises :class:`DownloadError`."""
        try:
            with self._session.get(url, timeout=self._timeout) as response:
                _check_status(response)
                return response.json()
        except requests.RequestException as error:
            raise DownloadError(f"{url}: {_reason(error)}") from error

    def fetch(self, file: RemoteFile, folder: Path, advance: Advance) -> Path:
        """Return where ``file`` lies under ``folder``, fetched unless it is there already.

        What came until a failure is kept beside the file, and the next call goes on from there.
        Raises :class:`DownloadError`.
        """
        target = folder / file.path
        by_git = file.checksum is not None and file.checksum.startswith(GIT)

        def download(url: str, output: str, _: object) -> None:
            partial = Partial(target)
            self._complete(url, partial, advance, is_checked=file.checksum is not None)
            if by_git and not is_git_blob(partial.path, str(file.checksum)):
                partial.discard()
                raise DownloadError(f"{url} is not the file that the home's listing names")
            partial.become(Path(output))

        try:
            if by_git and target.exists() and not is_git_blob(target, str(file.checksum)):
                target.unlink()
            known_hash = None if by_git else file.checksum
            pooch.retrieve(file.url, known_hash, target.name, target.parent, downloader=download)
        except ValueError as error:
            # The checksum was wrong, and pooch has deleted what came.
            raise DownloadError(f"{file.url}: {error}") from error
        except OSError as error:
            raise DownloadError(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def _complete(self, url: str, partial: Partial, advance: Advance, *, is_checked: bool) -> None:
        advance(partial.size_bytes)
        useless = 0
        while True:
            before = partial.size_bytes
            try:
                return self._transfer(url, partial, advance, is_checked=is_checked)
            except _BrokenOff as error:
                useless = 0 if partial.size_bytes > before else useless + 1
                if useless == USELESS_ATTEMPTS:
                    raise DownloadError(f"{url} broke off ({error}){_kept(partial)}") from error

    def _transfer(self, url: str, partial: Partial, advance: Advance, *, is_checked: bool) -> None:
        """Bring what is missing, or raise :class:`_BrokenOff` with what came kept."""
        headers = partial.range_headers(is_checked=is_checked)
        try:
            answer = self._session.get(url, headers=headers, stream=True, timeout=self._timeout)
        except requests.RequestException as error:
            # Tried again already, with pauses.
            raise DownloadError(f"{url}: {_reason(error)}{_kept(partial)}") from error
        with answer:
            try:
                self._receive(answer, partial, advance)
            except requests.RequestException as error:
                raise _BrokenOff(_reason(error)) from error

    def _receive(self, response: requests.Response, partial: Partial, advance: Advance) -> None:
        had = partial.size_bytes
        if response.status_code != 416 or not had:
            _check_status(response)
        start = partial.start_of(response.status_code, response.headers)
        if start is None:
            return
        advance(start - had)
        if response.status_code == 416:
            raise _BrokenOff("what was kept is longer than the file is now")
        partial.remember_version(response.headers)
        with partial.path.open("ab") as sink:
            for chunk in response.iter_content(CHUNK_BYTES):
                sink.write(chunk)
                advance(len(chunk))
        length = response.headers.get("Content-Length")
        if length is not None and partial.size_bytes != start + int(length):
            raise _BrokenOff("the connection ended early")


def _check_status(response: requests.Response) -> None:
    if response.status_code >= 400:
        said = f"{response.status_code} {response.reason}"
        raise DownloadError(f"{response.url} answered {said}")


def _kept(partial: Partial) -> str:
    if not partial.size_bytes:
        return ""
    return f"; {partial.size_bytes:,} bytes are kept, and the same command goes on from there"


def _reason(error: Exception) -> str:
    """The innermost cause in words: requests wraps urllib3, which wraps the socket's error."""
    while error.__cause__ or error.__context__:
        inner = error.__cause__ or error.__context__
        if not isinstance(inner, Exception):
            break
        error = inner
    return str(error) or type(error).__name__
