"""The four entry-point groups; what comes with intone is registered in them like any other."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from intone.errors import SettingsError

RECOGNISERS = "intone.recognisers"
VOICE_DETECTORS = "intone.voice_detectors"
DIALECTS = "intone.dialects"
SINKS = "intone.sinks"


def load(group: str, name: str) -> Any:
    """Return the object behind entry point ``name`` of ``group``.

    Raises :class:`SettingsError` naming what there is if there is no such entry point, or
    if loading it fails.
    """
    found = entry_points(group=group)
    for entry in found:
        if entry.name == name:
            try:
                return entry.load()
            except Exception as error:
                raise SettingsError(f"{group}: {name} does not load: {error}") from error
    known = ", ".join(sorted(entry.name for entry in found)) or "none"
    raise SettingsError(f"{group}: there is no {name!r} (there is: {known})")


def load_all(group: str) -> list[Any]:
    """Return the object behind every entry point of ``group``; raises as :func:`load` does."""
    return [load(group, entry.name) for entry in entry_points(group=group)]
