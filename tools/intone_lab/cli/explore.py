"""``intone-lab explore``: a page of pictures and a table of descriptors, before any training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intone_lab.cli.data import FOLDER, find, seed_option, table_option

if TYPE_CHECKING:
    from intone_lab.corpora import Clip, Skipped
    from intone_lab.explore.table import Described


@click.command()
@click.option(
    "--corpora",
    "root",
    type=FOLDER,
    help="Folder of the corpora, as published.",
)
@table_option
@click.option(
    "--out",
    default="explore",
    type=click.Path(file_okay=False, path_type=Path),
    show_default=True,
    help="Where index.html, its pictures, descriptors.csv and descriptors.parquet go.",
)
@click.option("--corpus", "names", multiple=True, help="Only this corpus; may be given again.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="Clips a corpus, drawn evenly over its emotions."
)
@seed_option("Decides which clips --limit draws.")
@click.option(
    "--jobs",
    default=os.cpu_count() or 1,
    show_default="one a core",
    type=click.IntRange(min=1),
    help="Processes that describe clips.",
)
@click.option(
    "--only-table", is_flag=True, help="No pictures, no page: they take most of a minute."
)
def explore(
    root: Path | None,
    tables: tuple[Path, ...],
    out: Path,
    names: tuple[str, ...],
    limit: int | None,
    seed: int,
    jobs: int,
    only_table: bool,
) -> None:
    """Draw what the corpora hold and how their emotions sound; write OUT/index.html."""
    # Before librosa is loaded, which takes seconds.
    found = find(root, tables)
    clips = _of_corpora(found.clips, names)
    try:
        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"{len(clips)} clips")
        drawn, summary = _draw_clips(clips, limit, seed)
        described = _describe(drawn, out, jobs)
        if not only_table:
            _write_page(described, found.skipped, out, summary)
    except OSError as error:
        raise click.ClickException(f"cannot write into {out}: {error}") from error
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install 'intone[lab]'"
        raise click.ClickException(message) from error
    click.echo(f"wrote {out / ('descriptors.csv' if only_table else 'index.html')}")


def _of_corpora(clips: Sequence[Clip], names: Sequence[str]) -> Sequence[Clip]:
    """Return the clips of the corpora asked for, of all where none was."""
    there = sorted({clip.corpus for clip in clips})
    missing = sorted(set(names) - set(there))
    if missing:
        message = f"no clips of {', '.join(missing)}; there are {', '.join(there)}"
        raise click.ClickException(message)
    return [clip for clip in clips if clip.corpus in names] if names else clips


def _draw_clips(clips: Sequence[Clip], limit: int | None, seed: int) -> tuple[Sequence[Clip], str]:
    """Return the clips to describe, and a sentence that says which they are."""
    from intone_lab.explore.table import draw_evenly

    if limit is None:
        return clips, f"All clips that there are: {len(clips):,}."
    drawn = draw_evenly(clips, limit, seed)
    which = f"at most {limit:,} a corpus, drawn with seed {seed}"
    return drawn, f"{len(drawn):,} of {len(clips):,} clips: {which}."


def _describe(clips: Sequence[Clip], out: Path, jobs: int) -> Described:
    from intone_lab.explore.acoustics import FrameSettings
    from intone_lab.explore.table import describe_clips, write_table

    described = describe_clips(clips, FrameSettings(), jobs)
    for item in described.skipped:
        click.echo(f"left out: {item.path} {item.reason}", err=True)
    if described.table.empty:
        raise click.ClickException("none of the clips could be described")
    write_table(out, described.table)
    return described


def _write_page(described: Described, skipped: Sequence[Skipped], out: Path, summary: str) -> None:
    from intone_lab.explore import gallery, page

    shown = gallery.sections(described)
    page.draw(out, shown)
    page.write(out, described, (*skipped, *described.skipped), shown, summary)
