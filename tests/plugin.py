"""A plug-in as if it were installed: a module beside the metadata that names its entry point."""

from pathlib import Path


def with_plugin(folder: Path, group: str, code: str) -> dict[str, str]:
    """The variable that lets Python find ``code``'s ``made`` in ``intone.GROUP``, as ``made``."""
    info = folder / "made-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[intone.{group}]\nmade = made:made\n")
    (folder / "made.py").write_text(code)
    return {"PYTHONPATH": str(folder)}
