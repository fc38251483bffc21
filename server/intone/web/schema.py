"""JSON Schema of ``intone.v1``, from the wire's own types.

``python -m intone.web.schema docs/intone.v1.schema.json`` writes it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from intone.web import wire

BODIES = (wire.Analysis, wire.ErrorBody, wire.Health, wire.Models)
"""Of the HTTP endpoints."""


def schema() -> dict[str, Any]:
    """Return the schema: ``$defs`` has every message and body by its name."""
    messages = (*wire.CLIENT_TYPES.values(), *wire.SERVER_TYPES.values())
    _, definitions = msgspec.json.schema_components(
        (*messages, *BODIES), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": wire.PROTOCOL,
        "description": "Every message of a session is clientMessage or serverMessage.",
        "$defs": {
            "clientMessage": _any_of(wire.CLIENT_TYPES.values()),
            "serverMessage": _any_of(wire.SERVER_TYPES.values()),
            **definitions,
        },
    }


def render() -> bytes:
    """Return the schema as indented JSON, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"


def _any_of(messages: Any) -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"#/$defs/{message.__name__}"} for message in messages]}


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(render())
