"""``intone analyze`` and ``intone models``: the recogniser in this process."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from intone.audio_files import LARGE_BLOCK_MS, is_pipe, open_audio
from intone.cli.output import make_format, note_discards, to_line
from intone.cli.waiting import PatientThread
from intone.core.card import Card
from intone.core.recogniser import Recogniser
from intone.detectors import load_detector
from intone.errors import IntoneError, RecogniserFailed
from intone.models import ModelStore
from intone.native_output import native_greeting_hidden
from intone.session import Session
from intone.settings import ServerSettings
from intone.types import AudioFormat, Event, UtteranceDiscarded, UtteranceResult

Emit = Callable[[str], None]
Report = Callable[[IntoneError], None]


def analyze_files(
    files: Sequence[str], settings: ServerSettings, format_name: str, report: Report
) -> int:
    """Print the results of every file; return 1 if one could not be read, else 0.

    A model or voice detector that cannot be loaded raises; a bad file goes to ``report`` and
    the others go on.
    """
    model = settings.session.model
    store = ModelStore.load(settings.models_dir, (model,))
    with native_greeting_hidden():
        recogniser = store[model].alone().new_recogniser()
    load_detector(settings.endpointer)
    card = recogniser.card
    line_format = make_format(format_name, files, card.emotions, card.genders)
    discards: Counter[str] = Counter()
    has_failed = False
    with _progress(len(files)) as (emit, advance):
        header = line_format.header()
        if header is not None:
            emit(header)
        for file in files:
            shown = click.format_filename(file)
            try:
                for event in _events(file, recogniser, settings):
                    if isinstance(event, UtteranceResult):
                        emit(line_format.row(to_line(shown, event, event.model)))
                    elif isinstance(event, UtteranceDiscarded):
                        discards[event.reason.value] += 1
            except IntoneError as error:
                report(error)
                has_failed = True
            advance()
    note_discards(discards)
    return 1 if has_failed else 0


def _events(file: str, recogniser: Recogniser, settings: ServerSettings) -> Iterator[Event]:
    with _opened(file) as (audio, blocks):
        session = Session(audio, model=recogniser, interim_ms=0, endpointer=settings.endpointer)
        failure: IntoneError | None = None
        try:
            for block in blocks:
                yield from session.feed(block)
        except IntoneError as error:
            # What was heard before the file broke off, or the model failed, has its results.
            failure = error
        try:
            yield from session.finish()
        except RecogniserFailed as error:
            failure = failure or error
            yield from session.finish()
    if failure is not None:
        raise failure


@contextmanager
def _opened(file: str) -> Iterator[tuple[AudioFormat, Iterator[bytes]]]:
    """Open a file; of a pipe, which may give nothing for ever, Ctrl-C is heeded meanwhile."""
    shown = click.format_filename(file)
    if not is_pipe(file):
        with open_audio(file, shown) as audio:
            yield audio.audio, audio.blocks(LARGE_BLOCK_MS)
        return
    reader = PatientThread()
    audio = reader.submit(open_audio, file, shown).result()
    try:
        yield audio.audio, reader.each(audio.blocks())
    finally:
        # Not under a read that still waits.
        reader.call_later(audio.close)


@contextmanager
def _progress(files: int) -> Iterator[tuple[Emit, Callable[[], None]]]:
    """Give a way to print and a way to count files; a bar where somebody can see it."""
    if files < 2 or not sys.stderr.isatty():
        yield click.echo, lambda: None
        return
    with Progress(console=Console(stderr=True), redirect_stdout=False, transient=True) as progress:
        task = progress.add_task("analysing", total=files)

        def emit_above_bar(text: str) -> None:
            # Both streams are one screen: only the bar's console can print above the bar.
            progress.console.print(Text.from_ansi(text), soft_wrap=True)

        emit = emit_above_bar if sys.stdout.isatty() else click.echo
        yield emit, lambda: progress.advance(task)


def print_models(settings: ServerSettings) -> None:
    """Print the models that these settings would serve."""
    store = ModelStore.load(settings.models_dir, settings.models)
    table = Table(show_lines=True)
    for column in ("model", "emotions", "measured", "licence", "size"):
        table.add_column(column, overflow="fold")
    for name in store.names:
        card = store[name].card
        size = f"{len(store[name].content) / 1_000:.0f} kB"
        table.add_row(name, ", ".join(card.emotions), _accuracy(card), card.licence, size)
    # A pipe has no width; 80 columns would break the lines that grep looks for.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)


def _accuracy(card: Card) -> str:
    return "\n".join(
        f"{figure.task} {figure.metric} {figure.value:.3f}: {figure.corpus}, {figure.protocol}, "
        f"{figure.clips} clips"
        for figure in card.accuracy
    )
