"""``intone-lab explore``: a page of pictures and a table of descriptors, before any training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intone_lab.cli.data import FOLDER, find, table_option

if TYPE_CHECKING:
    from intone_lab.corpora import Clip, Skipped


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
@click.option("--seed", default=1, show_default=True, help="Decides which clips --limit draws.")
@click.option(
    "--jobs",
    default=os.cpu_count() or 1,
    show_default="one a core",
    type=click.IntRange(min=1),
    help="Processes that describe clips.",
)
def explore(
    root: Path | None,
    tables: tuple[Path, ...],
    out: Path,
    names: tuple[str, ...],
    limit: int | None,
    seed: int,
    jobs: int,
) -> None:
    """Draw what the corpora hold and how their emotions sound; write OUT/index.html."""
    # Before librosa is loaded, which takes seconds.
    found = find(root, tables)
    clips = _of_corpora(found.clips, names)
    try:
        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"{len(clips)} clips")
        _explore(clips, found.skipped, out, limit, seed, jobs)
    except OSError as error:
        raise click.ClickException(f"cannot write into {out}: {error}") from error
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: pip install 'intone[lab]'"
        raise click.ClickException(message) from error
    click.echo(f"wrote {out / 'index.html'}")


def _of_corpora(clips: Sequence[Clip], names: Sequence[str]) -> Sequence[Clip]:
    """Return the clips of the corpora asked for, of all where none was."""
    there = sorted({clip.corpus for clip in clips})
    missing = sorted(set(names) - set(there))
    if missing:
        message = f"no clips of {', '.join(missing)}; there are {', '.join(there)}"
        raise click.ClickException(message)
    return [clip for clip in clips if clip.corpus in names] if names else clips


def _explore(
    clips: Sequence[Clip],
    skipped: Sequence[Skipped],
    out: Path,
    limit: int | None,
    seed: int,
    jobs: int,
) -> None:
    from intone_lab.explore import gallery, page
    from intone_lab.explore.acoustics import FrameSettings
    from intone_lab.explore.table import describe_clips, draw_evenly, write_table

    settings = FrameSettings()
    drawn = clips if limit is None else draw_evenly(clips, limit, seed)
    described = describe_clips(drawn, settings, jobs)
    for item in described.skipped:
        click.echo(f"left out: {item.path} {item.reason}", err=True)
    if described.table.empty:
        raise click.ClickException("none of the clips could be described")
    write_table(out, described.table)
    summary = f"{len(described.table):,} clips described"
    if limit is not None:
        summary += f", of {len(clips):,}: at most {limit:,} a corpus, drawn with seed {seed}"
    shown = gallery.sections(described)
    page.draw(out, shown)
    page.write(out, described, (*skipped, *described.skipped), shown, settings, f"{summary}.")
