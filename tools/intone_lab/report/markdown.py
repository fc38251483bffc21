"""The little of Markdown that a report needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NONE = "-"
"""In a cell: there is no such figure."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; every row as long as the header."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


def picture(name: str, alt: str) -> str:
    """Return a picture with words for who does not see it."""
    return f"![{alt}]({name})\n"


def section(title: str, *paragraphs: str) -> str:
    """Return a section; empty paragraphs are left out."""
    return "\n".join([f"## {title}\n", *(text for text in paragraphs if text)])


def share(value: float | None) -> str:
    """Return a share with three digits, a hyphen for None."""
    return NONE if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.3f}"


def between(ends: tuple[float, float] | None) -> str:
    """Return an interval; a hyphen where there is none."""
    return NONE if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"
