"""Calls that may wait for ever, as on a pipe's other end, beside what must go on."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

import click

_Result = TypeVar("_Result")


class PatientThread:
    """Makes calls one after the other. Nobody waits for it: what it waits for may never come.

    An executor's threads would be waited for at the end of the program, Ctrl-C or not.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="intone-patient", daemon=True).start()

    def submit(self, function: Callable[..., _Result], *arguments: Any) -> Future[_Result]:
        """Return what ``function`` will do of ``arguments``, or raise."""
        answer: Future[_Result] = Future()

        def make() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function(*arguments))
            except BaseException as raised:  # noqa: BLE001 - whatever it is, the caller is told
                answer.set_exception(raised)

        self._calls.put(make)
        return answer

    async def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what ``function`` does of ``arguments``, or raise what it raises."""
        return await asyncio.wrap_future(self.submit(function, *arguments))

    def each(self, items: Iterator[_Result]) -> Iterator[_Result]:
        """Yield what ``items`` does, none of which is None; Ctrl-C is heeded while it waits."""
        while (item := self.submit(next, items, None).result()) is not None:
            yield item

    def call_later(self, function: Callable[[], object]) -> None:
        """Make a call after those before it; nobody asks what came of it."""
        self._calls.put(function)

    def _work(self) -> None:
        while True:
            self._calls.get()()


class PatientPrinter:
    """Prints where nobody may read on, such as in ``| less``, beside what must go on."""

    def __init__(self) -> None:
        self._thread = PatientThread()
        self._last: Future[None] | None = None

    async def print(self, text: str) -> None:
        """Print a line; raise what the writing raises."""
        self._last = self._thread.submit(click.echo, text)
        await asyncio.wrap_future(self._last)

    @property
    def is_stuck(self) -> bool:
        """Whether a line is still being written, which may last for ever."""
        return self._last is not None and not self._last.done()
