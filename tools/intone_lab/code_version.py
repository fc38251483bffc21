"""By which code something was made: what other code made is not taken for what this one would."""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

import intone
import intone_lab

_SERVER = Path(intone.__file__ or "").parent
_LAB = Path(intone_lab.__file__ or "").parent

HEARING = (
    "company",
    "conditions",
    "copies",
    "corpora",
    "dataset",
    "named_random",
    "other_voice",
    "telephone",
)
"""Of the lab: what copies of clips are, and what training hears of them through the core."""
TEACHING = (
    *HEARING,
    "teacher/encoder",
    "teacher/heard",
    "teacher/source",
    "teacher/voices",
    "teacher/whisper",
)
"""What the teacher hears of them."""
LARGE = (*TEACHING, "pretrained/hearing", "pretrained/settings")
"""What the pretrained model's networks hear of them."""
ANSWERING = (*HEARING, "evaluation", "listening")
"""What is sent to a model that is measured, and what is made of its answers."""


@functools.cache
def code_version(modules: tuple[str, ...]) -> str:
    """Hash the server's core and ``modules`` of the lab, comments and docstrings left out.

    Another Python may give another hash of the same code.
    """
    files = [
        *sorted(_SERVER.glob("core/*.py")),
        *(_SERVER / f"{n}.py" for n in ("session", "types")),
    ]
    files += [_LAB / f"{name}.py" for name in modules]
    digest = hashlib.sha256()
    for path in files:
        tree = _WithoutWords().visit(ast.parse(path.read_text(encoding="utf-8")))
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()


class _WithoutWords(ast.NodeTransformer):
    """Drops strings that stand alone: they do nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_words = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_words else node
