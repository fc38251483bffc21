"""intone: hears live speech and says which emotion and which gender it hears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from intone.settings import EndpointerSettings
from intone.types import AudioFormat, Encoding

if TYPE_CHECKING:
    from intone.session import Session

__version__ = "0.1.0"
__all__ = ["AudioFormat", "Encoding", "EndpointerSettings", "Session", "__version__"]


def __getattr__(name: str) -> Any:
    """Load :class:`Session` when it is asked for: ``intone --help`` should not wait for scipy."""
    if name == "Session":
        from intone.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
