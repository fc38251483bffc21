"""TypeScript types of ``intone.v1``, from the same schema as its JSON Schema.

``python -m intone.web.typescript client_js/events.d.ts`` writes them anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from intone.web.schema import schema

_PLAIN = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean"}

_HEAD = """\
// The messages of intone.v1, made from the server's own types:
// python -m intone.web.typescript client_js/events.d.ts
"""


def render() -> str:
    """Return the declarations of every message and body."""
    definitions: Mapping[str, Any] = schema()["$defs"]
    parts = [_declaration(_exported(name), kind) for name, kind in definitions.items()]
    return "\n".join([_HEAD, *parts])


def _exported(name: str) -> str:
    # The schema's own two names begin in lower case. "Error" would hide JavaScript's.
    return "ServerError" if name == "Error" else name[0].upper() + name[1:]


def _declaration(name: str, kind: Mapping[str, Any]) -> str:
    comment = f"/** {kind['description']} */\n" if "description" in kind else ""
    if "anyOf" in kind:
        members = "".join(f"\n  | {_type(member)}" for member in kind["anyOf"])
        return f"{comment}export type {name} ={members};\n"
    fields = "".join(f"  {line}\n" for line in _fields(kind))
    return f"{comment}export interface {name} {{\n{fields}}}\n"


def _fields(kind: Mapping[str, Any]) -> Iterator[str]:
    required = kind.get("required", ())
    for name, field in kind["properties"].items():
        optional = "" if name in required else "?"
        yield f"{name}{optional}: {_type(field)};"


def _type(kind: Mapping[str, Any]) -> str:
    if "$ref" in kind:
        return _exported(kind["$ref"].rpartition("/")[2])
    if "enum" in kind:
        return " | ".join(f'"{value}"' for value in kind["enum"])
    name = kind.get("type")
    if name == "array":
        return f"{_type(kind['items'])}[]" if "items" in kind else "unknown[]"
    if name == "object":
        inner = kind.get("additionalProperties")
        return f"Record<string, {_type(inner) if isinstance(inner, dict) else 'unknown'}>"
    return "unknown" if name is None else _PLAIN[name]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
