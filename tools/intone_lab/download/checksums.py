"""Git's ids of files: the checksums that a repository's listing gives for nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

GIT = "git:"
"""Before an id of git's; any other checksum is pooch's business."""

_POINTER_START = b"version https://git-lfs.github.com/spec/v1\n"


def is_git_blob(path: Path, checksum: str) -> bool:
    """Tell whether ``git:…`` is the id of a file, or of the git-lfs pointer to it.

    The pointer holds the SHA-256 and the size of the file and nothing else, so that its id
    vouches for the file without being fetched. The pointer itself, as a clone without git-lfs
    leaves it, is not the file.
    """
    content = path.read_bytes()
    if content.startswith(_POINTER_START):
        return False
    pointer = (
        f"{_POINTER_START.decode()}"
        f"oid sha256:{hashlib.sha256(content).hexdigest()}\n"
        f"size {len(content)}\n"
    )
    return checksum.removeprefix(GIT) in {_blob_id(content), _blob_id(pointer.encode())}


def _blob_id(content: bytes) -> str:
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
