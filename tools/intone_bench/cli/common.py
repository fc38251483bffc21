"""What the commands share: where speech comes from, and where figures go."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from intone_bench.speech import Clips, NoSpeech, from_folder, synthetic

_Command = TypeVar("_Command", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)


def speech_options(command: _Command) -> _Command:
    """Add ``--speech``, ``--clips`` and ``--seed``."""
    for option in (
        click.option("--seed", default=1, show_default=True, help="Decides who says what."),
        click.option("--clips", "most_clips", default=200, show_default=True,
                     type=click.IntRange(min=1), help="Sound files of the folder to speak with."),
        click.option("--speech", "folder", type=click.Path(exists=True, file_okay=False,
                     path_type=Path),
                     help="Folder of sound files to speak with. [espeak-ng's voices]"),
    ):  # fmt: skip
        command = option(command)
    return command


def console() -> Console:
    """Return where to print; a file or a pipe has no width, and tables need some."""
    shown = Console(soft_wrap=True, highlight=False)
    return shown if shown.is_terminal else Console(soft_wrap=True, highlight=False, width=120)


def read_speech(folder: Path | None, most: int, seed: int) -> Clips:
    """Return the clips; raise :class:`click.ClickException` where there are none."""
    try:
        return synthetic() if folder is None else from_folder(folder, most, seed)
    except NoSpeech as error:
        raise click.ClickException(str(error)) from error


def make_folder(path: Path) -> None:
    """Make ``path``, before the minutes of which figures go there.

    Raises :class:`click.ClickException` where nothing can be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise click.ClickException(
            f"cannot write into {path}: {error.strerror or error}"
        ) from error


def write_json(path: Path, content: object) -> None:
    """Write ``content`` for other programs to read; raise :class:`click.ClickException`."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from error
