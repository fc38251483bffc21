"""The folder through which workers share their metrics, for as long as their parent lives."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intone.errors import SettingsError

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client looks for it when it is imported, and then counts into files there."""

LOCK_FILE = "lock"
"""Held by who reads the files, and by who puts some together."""

_MEMORY = "/dev/shm"  # noqa: S108 - mkdtemp makes a folder of its own, for this user alone


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let this process and its children count together.

    To be entered before prometheus_client is imported. In memory where the system has such a
    folder and TMPDIR names no other: a worker that counts into a full disk is killed.
    Raises :class:`SettingsError` where there is no room for the folder.
    """
    parent = os.getpid()
    in_memory = _MEMORY if "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK) else None
    try:
        folder = tempfile.mkdtemp(prefix="intone-metrics-", dir=in_memory)
    except OSError as error:
        why = error.strerror or error
        raise SettingsError(f"no folder for the workers' metrics: {why} (TMPDIR)") from error
    # While there is room.
    Path(folder, LOCK_FILE).touch()
    os.environ[FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        # A worker is a fork, and leaves through here too.
        if os.getpid() == parent:
            shutil.rmtree(folder, ignore_errors=True)
            del os.environ[FOLDER_VARIABLE]
