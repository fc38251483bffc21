"""Nested settings as one flat row, for the log of runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def flat_row(settings: DataclassInstance) -> dict[str, Any]:
    """Return a dataclass's fields by name, those of the mappings and dataclasses in it by both."""
    flat: dict[str, Any] = {}
    for key, value in asdict(settings).items():
        nested = value if isinstance(value, dict) else {"": value}
        flat |= {f"{key}.{name}".rstrip("."): inner for name, inner in nested.items()}
    return flat
