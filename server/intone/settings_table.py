"""``docs/settings.md``, made from the settings' dataclasses and the texts under their fields.

``python -m intone.settings_table > docs/settings.md`` writes it; a test keeps it equal.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from intone.configuration import TOKEN_FILE, all_settings
from intone.settings import LimitSettings, ServerSettings

_INTRODUCTION = """\
# Settings

Made by `python -m intone.settings_table > docs/settings.md` from `server/intone/settings.py`.

A setting is given by a flag of `intone serve`, else by an environment variable, else in a TOML
file named by `--config FILE` or `INTONE_CONFIG`, else it has its default. `intone serve --help`
shows the flags; every setting, with or without a flag of its own, can be given as
`--set NAME=VALUE` by the name in the first column, which is also its key in the file
(`endpointer.hangover_ms` is `hangover_ms` in the table `[endpointer]`). Lists are parted by
commas in a variable and are arrays in TOML; a path in the file is relative to the file.
An unknown name is refused, wherever it stands. `intone analyze` and `intone models` read the same
variables, file and `--set`.
"""
_COLUMNS = "| name | environment | default | least and most | what it is |\n|---|---|---|---|---|\n"
_TOKENS_IN_A_FILE = (
    "A file of accepted bearer tokens, one a line, and of comments, whose lines begin with #. They "
    "join those `tokens` that are given in the same place; both from a higher place stand for both."
)


def field_texts(cls: type) -> dict[str, str]:
    """Return the text under each field of a dataclass, in one line; a field without has none."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            texts[field.target.id] = _in_markdown(str(below.value.value))
    return texts


def _in_markdown(docstring: str) -> str:
    return " ".join(docstring.split()).replace("``", "`")


def markdown() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_sections(ServerSettings, "")])


def _sections(cls: type, prefix: str) -> list[str]:
    hints = get_type_hints(cls)
    texts = field_texts(cls)
    plain = [field for field in fields(cls) if not is_dataclass(hints[field.name])]
    rows = [
        _row(prefix + field.name, _default(field), _range(cls, field), texts.get(field.name, ""))
        for field in plain
    ]
    if not prefix:
        rows.append(_row(TOKEN_FILE.path, "none", "", _TOKENS_IN_A_FILE))
    title = f"`[{prefix[:-1]}]`" if prefix else "Server"
    summary = _in_markdown(cls.__doc__ or "")
    sections = [f"## {title}\n\n{summary}\n\n{_COLUMNS}{''.join(rows)}"]
    for field in fields(cls):
        if is_dataclass(hints[field.name]):
            sections += _sections(hints[field.name], f"{prefix}{field.name}.")
    return sections


def _row(path: str, default: str, least_and_most: str, text: str) -> str:
    variable = all_settings()[path].variable
    return f"| `{path}` | `{variable}` | {default} | {least_and_most} | {text} |\n"


def _range(cls: type, field: Field[Any]) -> str:
    if field.name in getattr(cls, "RANGES", {}):
        low, high = cls.RANGES[field.name]  # type: ignore[attr-defined]
        return f"{low} to {high}"
    return "over 0" if cls is LimitSettings else ""


def _default(field: Field[Any]) -> str:
    value = field.default
    assert value is not MISSING
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.as_posix() if isinstance(value, Path) else value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
