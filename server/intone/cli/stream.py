"""``intone stream``: a file to a server, and what it answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import click

from intone import client
from intone.audio_files import open_audio
from intone.cli.exit_codes import INTERRUPTED
from intone.cli.output import make_format, note_discards, to_line
from intone.cli.waiting import PatientPrinter, PatientThread
from intone.errors import IntoneError
from intone.types import DiscardReason, UtteranceDiscarded, UtteranceInterim, UtteranceResult

Report = Callable[[IntoneError], None]

_SERVERS_FAULT = (DiscardReason.OVERLOADED, DiscardReason.FAILED)
"""Of speech without a result: for any other it is the speech that has none."""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What the command was asked for."""

    file: str
    url: str
    model: str | None
    token: str | None
    is_realtime: bool
    with_interims: bool
    format_name: str


def stream_file(request: StreamRequest, report: Report) -> int:
    """Stream the file and print the answers; return 1 if the server refused or lost a part, else 0.

    Raises :class:`KeyboardInterrupt` after Ctrl-C.
    """
    printer = PatientPrinter()
    try:
        return asyncio.run(_until_interrupted(request, report, printer))
    except asyncio.CancelledError:
        if printer.is_stuck:
            # At its end Python flushes what that thread holds the lock of, and would abort.
            click.echo(err=True)
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt from None


async def _until_interrupted(
    request: StreamRequest, report: Report, printer: PatientPrinter
) -> int:
    task = asyncio.current_task()
    assert task is not None
    # Before Python 3.11 asyncio.run does not turn Ctrl-C into a cancellation by itself.
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    return await _stream(request, report, printer)


async def _stream(request: StreamRequest, report: Report, printer: PatientPrinter) -> int:
    # A pipe gives nothing for as long as nobody writes: answers, pings and Ctrl-C go on.
    reader = PatientThread()
    audio = await reader.call(open_audio, request.file, click.format_filename(request.file))
    try:
        audio_format, blocks = audio.spoken()
        async with client.connect(
            request.url,
            audio=audio_format,
            model=request.model,
            interim_ms=None if request.with_interims else 0,
            token=request.token,
        ) as stream:
            refusals, failure = await asyncio.gather(
                _print(stream, request, report, printer),
                _send(stream, _read(reader, blocks), is_realtime=request.is_realtime),
            )
    finally:
        # Not under a read that still waits.
        reader.call_later(audio.close)
    if failure is not None:
        raise failure
    return 1 if refusals else 0


async def _read(reader: PatientThread, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (block := await reader.call(next, blocks, None)) is not None:
        yield block


async def _send(
    stream: client.Stream, blocks: AsyncIterable[bytes], *, is_realtime: bool
) -> IntoneError | None:
    """Send everything and close; return what went wrong, so that printing is not cut short."""
    failure = None
    try:
        await client.send_file(stream, blocks, is_realtime=is_realtime)
    except IntoneError as error:
        failure = error
    try:
        # Also after a file that breaks off: what was heard of it has its results.
        await stream.close()
    except IntoneError as error:
        failure = failure or error
    return failure


async def _print(
    stream: client.Stream, request: StreamRequest, report: Report, printer: PatientPrinter
) -> int:
    """Print events until the session is over; return how much the server refused or lost."""
    shown = click.format_filename(request.file)
    session = stream.session
    line_format = make_format(
        request.format_name,
        [shown],
        session.emotions,
        session.genders,
        with_interims=request.with_interims,
    )
    discards: Counter[str] = Counter()
    refusals = 0
    header = line_format.header()
    if header is not None:
        await printer.print(header)
    async for event in stream:
        match event:
            case UtteranceResult() | UtteranceInterim():
                said_by = _said_by(event, session)
                line = to_line(shown, event, said_by, with_interims=request.with_interims)
                await printer.print(line_format.row(line))
            case UtteranceDiscarded():
                discards[event.reason.value] += 1
            case client.ServerError():
                refusals += 1
                if not event.is_fatal:
                    report(event.as_exception())
    note_discards(discards)
    return refusals + sum(discards[reason.value] for reason in _SERVERS_FAULT)


def _said_by(event: UtteranceResult | UtteranceInterim, session: client.SessionCreated) -> str:
    if isinstance(event, UtteranceResult):
        return event.model
    return session.interim_model or session.model
