"""Options that every command shares which reads recorded speech, and what becomes of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intone_lab.cli.bar import can_be_drawn

if TYPE_CHECKING:
    from intone_lab.corpora import Clip, Survey

BACKENDS = ("tensorflow", "jax", "torch")
"""What Keras trains with; the first is its own choice."""

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def table_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--table FILE``, as often as one likes: argument ``tables``."""
    return click.option(
        "--table",
        "tables",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="CSV of your own recordings: path, emotion, gender, speaker. Repeatable.",
    )(command)


def seed_option(decides: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds ``--seed``: argument ``seed``, as numpy and Keras take it."""
    return click.option(
        "--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1), help=decides
    )


def find(root: Path | None, tables: Sequence[Path]) -> Survey:
    """Survey what was asked for, or end the command with the reason it cannot be."""
    from intone_lab.catalogue import CorpusError
    from intone_lab.tables import gather

    if root is None and not tables:
        raise click.UsageError("give a folder of corpora, a --table, or both")
    try:
        return gather(root, tables)
    except CorpusError as error:
        raise click.ClickException(str(error)) from error


def usable_clips(root: Path | None, tables: Sequence[Path], runs: Path | None) -> list[Clip]:
    """Find the clips; those that cannot be decoded are named and left out.

    Each is decoded once, and again after it changed; ``runs`` is where that is remembered, if
    anywhere.
    """
    survey = find(root, tables)
    from rich.console import Console
    from rich.progress import track

    from intone_lab.corpora import log_skipped
    from intone_lab.readable import part_readable

    log_skipped(survey.skipped)
    clips, unreadable = part_readable(
        survey.clips,
        None if runs is None else runs / "readable.json",
        lambda results, total: track(
            results,
            "reading the clips",
            total,
            console=Console(stderr=True),
            transient=True,
            disable=not can_be_drawn(),
        ),
    )
    for finding in unreadable:
        click.echo(f"left out: {finding.detail}", err=True)
    if not clips:
        raise click.ClickException("none of the clips can be read")
    return clips


def check_writable(*folders: Path) -> None:
    """Raise a ClickException for a folder that cannot be written into, before hours of work.

    Those that are not there can be made; they are not there afterwards either.
    """
    for folder in folders:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            why = error.strerror or error
            raise click.ClickException(f"cannot write into {folder}: {why}") from error
        finally:
            for path in missing:
                with contextlib.suppress(OSError):
                    path.rmdir()


def check_backend() -> None:
    """Raise a ClickException where Keras would not find what KERAS_BACKEND names."""
    name = os.environ.get("KERAS_BACKEND", BACKENDS[0])
    if name not in BACKENDS:
        raise click.ClickException(f"KERAS_BACKEND is {name!r}; there are: {', '.join(BACKENDS)}")
    if find_spec(name) is None:
        raise click.ClickException(f"KERAS_BACKEND is {name!r}, which is not installed here")
