"""Every link of the documentation leads to a file, and to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "client_js/README.md",
    "docs/*.md",
    "models/*/report.md",
)
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchor(heading: str) -> str:
    """Return what GitHub makes of a heading."""
    said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", said).strip().replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = _without_code(page.read_text(encoding="utf-8"))
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("pattern", PAGES)
def test_every_link_leads_somewhere(pattern, repo_root):
    pages = sorted(repo_root.glob(pattern))
    assert pages
    for page in pages:
        for target, anchor in LINK.findall(_without_code(page.read_text(encoding="utf-8"))):
            there = page.parent / target if target else page
            assert there.exists(), f"{page.name}: {target}"
            if anchor and there.suffix == ".md":
                assert anchor in _anchors(there), f"{page.name}: {target}#{anchor}"
