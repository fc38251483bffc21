"""``intone serve | stream | analyze | models``: the outermost layer."""

from intone.cli.commands import main

__all__ = ["main"]
