"""The folder through which workers share their metrics, for as long as their parent lives."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client looks for it when it is imported, and then counts into files there."""


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let this process and its children count together.

    To be entered before prometheus_client is imported.
    """
    parent = os.getpid()
    folder = tempfile.mkdtemp(prefix="intone-metrics-")
    os.environ[FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        # A worker is a fork, and leaves through here too.
        if os.getpid() == parent:
            shutil.rmtree(folder, ignore_errors=True)
            del os.environ[FOLDER_VARIABLE]
