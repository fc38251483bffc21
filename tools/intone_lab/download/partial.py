"""What came of a file so far, and how to ask for the rest (RFC 9110, sections 13.1.5 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_UNSATISFIED_RANGE = re.compile(r"bytes \*/(\d+)")


class Partial:
    """Bytes on disk, beside the file that they are to become, with the version they are of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._version = target.with_name(f".{target.name}.version")

    @property
    def size_bytes(self) -> int:
        """How much came."""
        return self.path.stat().st_size if self.path.exists() else 0

    def range_headers(self, *, is_checked: bool) -> dict[str, str]:
        """Return the headers that ask for the rest, none where all of it must come.

        Without the server's word that the file is still the same, a rest is asked for only if a
        checksum will tell (``is_checked``).
        """
        if not self.size_bytes:
            return {}
        headers = {"Range": f"bytes={self.size_bytes}-"}
        if self._version.exists():
            headers["If-Range"] = self._version.read_text(encoding="ascii")
        elif not is_checked:
            return {}
        return headers

    def start_of(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Return the byte at which an answer begins; None if nothing is left to come.

        An answer that fits nothing that we have makes the partial file empty.
        """
        if status == 416:
            whole = _UNSATISFIED_RANGE.fullmatch(headers.get("Content-Range", ""))
            if whole and int(whole[1]) == self.size_bytes:
                return None
            self.discard()
            return 0
        found = _CONTENT_RANGE.match(headers.get("Content-Range", ""))
        if status == 206 and found and int(found[1]) == self.size_bytes:
            return self.size_bytes
        self.discard()
        return 0

    def remember_version(self, headers: Mapping[str, str]) -> None:
        """Keep what tells this version of the file from others: a strong ETag, or its date."""
        etag = headers.get("ETag", "")
        version = headers.get("Last-Modified", "") if etag.startswith("W/") else etag
        version = version or headers.get("Last-Modified", "")
        if version.isascii() and version:
            self._version.write_text(version, encoding="ascii")

    def discard(self) -> None:
        """Forget what came."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Take the place of ``target``."""
        self.path.replace(target)
        self._version.unlink(missing_ok=True)
