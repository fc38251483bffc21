"""What is sent of the browser client's files: modules without their comments, small on the wire."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import rjsmin


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as browsers get it."""

    plain: bytes
    gzipped: bytes
    version: str
    """Another one for any other content; the same in every process."""


def read(path: Path) -> PageFile:
    """Return what is sent for ``path``: a file that has changed since is read again."""
    return _read(path, path.stat().st_mtime_ns)


# More than there are files: those of a checkout change under the eyes of whoever edits them.
@lru_cache(maxsize=128)
def _read(path: Path, _changed_ns: int) -> PageFile:
    plain = path.read_bytes()
    if path.suffix == ".js":
        # A third of the source is for its readers: types and reasons.
        plain = rjsmin.jsmin(plain)
    # Without a time in its head the same file gives the same bytes.
    gzipped = gzip.compress(plain, mtime=0)
    return PageFile(plain, gzipped, hashlib.sha256(plain).hexdigest()[:16])
