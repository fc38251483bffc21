"""Options that every command shares which reads recorded speech, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from intone_lab.corpora import Clip, Survey

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


def find(root: Path | None, tables: Sequence[Path]) -> Survey:
    """Survey what was asked for, or end the command with the reason it cannot be."""
    from intone_lab.corpora import CorpusError
    from intone_lab.tables import gather

    if root is None and not tables:
        raise click.UsageError("give a folder of corpora, a --table, or both")
    try:
        return gather(root, tables)
    except CorpusError as error:
        raise click.ClickException(str(error)) from error


def usable_clips(root: Path | None, tables: Sequence[Path]) -> list[Clip]:
    """Find the clips and decode each once; those that cannot be are named and left out."""
    from rich.progress import track

    from intone_lab.corpora import log_skipped
    from intone_lab.health import readable

    survey = find(root, tables)
    log_skipped(survey.skipped)
    clips, unreadable = readable(
        survey.clips,
        lambda results, total: track(results, "reading the clips", total, transient=True),
    )
    for finding in unreadable:
        click.echo(f"left out: {finding.detail}", err=True)
    if not clips:
        raise click.ClickException("none of the clips can be read")
    return clips
