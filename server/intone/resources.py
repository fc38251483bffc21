"""Where the files that come with intone lie: in the wheel, or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


def models_dir() -> Path:
    """Folder of the models that come with intone."""
    packaged = _PACKAGE / "_models"
    return packaged if packaged.is_dir() else _CHECKOUT / "models"


def page_dir() -> Path:
    """Folder of the browser client and its page."""
    packaged = _PACKAGE / "_page"
    return packaged if packaged.is_dir() else _CHECKOUT / "client_js"
