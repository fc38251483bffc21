"""``intone-lab download``: a corpus from its official home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from intone_lab.catalogue import CORPORA
from intone_lab.cli.bar import can_be_drawn

if TYPE_CHECKING:
    from rich.progress import Progress

    from intone_lab.download.corpus import Fetched
    from intone_lab.download.sources import Source


@click.command()
@click.argument("name", type=click.Choice(tuple(CORPORA)))
@click.option(
    "--to",
    default="corpora",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of your corpora; NAME gets a folder of its own in it.",
)
@click.option("--yes", is_flag=True, help="Do not ask before fetching.")
def download(name: str, to: Path, yes: bool) -> None:
    """Fetch corpus NAME, check it and unpack it; go on where an earlier try stopped."""
    from intone_lab.download import sources
    from intone_lab.download.errors import DownloadError

    source = sources.SOURCES[name]
    corpus = CORPORA[name]
    click.echo(f"{corpus.title}\nhome:    {source.home}\nlicence: {corpus.licence}")
    if not isinstance(source.origin, sources.ByHand):
        click.echo(f"size:    about {source.size_mb} MB, into {to / name}")
        if not yes:
            click.confirm("You keep to its licence. Fetch it?", abort=True)
    try:
        fetched = _download(source, to / name)
    except DownloadError as error:
        raise click.ClickException(str(error)) from error
    if fetched.was_there:
        click.echo(f"nothing to do: all {fetched.files} files are in {fetched.folder}")
    if fetched.sha256 is not None:
        click.echo(f"its home publishes no checksum; the SHA-256 of what came is {fetched.sha256}")
    _count(source, fetched.folder)


def _download(source: Source, folder: Path) -> Fetched:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    try:
        from intone_lab.download.corpus import download as fetch
    except ModuleNotFoundError as error:
        raise click.ClickException(f"no {error.name}: pip install 'intone[lab]'") from error

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[files]}"),
        console=Console(stderr=True),
        transient=True,
        disable=not can_be_drawn(),
    )
    with bar:
        return fetch(source, folder, _Shown(bar, source))


class _Shown:
    """Shows a download as a bar of bytes, with a count of files where there are many."""

    def __init__(self, bar: Progress, source: Source) -> None:
        self._bar = bar
        self._task = bar.add_task(source.corpus, total=source.size_mb * 1e6, files="")
        self._files = self._done = 0

    def expect(self, files: int) -> None:
        self._files = files

    def advance(self, count_bytes: int) -> None:
        self._bar.advance(self._task, count_bytes)

    def done(self) -> None:
        self._done += 1
        if self._files > 1:
            self._bar.update(self._task, files=f"{self._done}/{self._files} files")


def _count(source: Source, folder: Path) -> None:
    """Say whether what came is what was published."""
    from intone_lab.catalogue import CorpusError
    from intone_lab.corpora import survey

    try:
        clips = survey(folder, [source.corpus]).clips
    except CorpusError as error:
        raise click.ClickException(f"what came is not what was expected: {error}") from error
    speakers = len({clip.speaker for clip in clips})
    click.echo(f"{folder}: {len(clips)} clips of {speakers} speakers")
    if len(clips) < source.clips:
        click.echo(f"the complete corpus has {source.clips}: its home has changed", err=True)
