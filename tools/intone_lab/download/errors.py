"""What can go wrong on the way from a corpus's home to a folder."""

from __future__ import annotations


class DownloadError(Exception):
    """A corpus that cannot be fetched; says why, and what to do where something can be done."""
