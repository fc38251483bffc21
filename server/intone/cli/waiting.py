"""Calls that may wait for ever, such as reading from a pipe, beside an event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class PatientThread:
    """Makes calls one after the other. Nobody waits for it: what it waits for may never come.

    ``asyncio.to_thread`` would be waited for at the end of the program, Ctrl-C or not.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="intone-patient", daemon=True).start()

    async def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what ``function`` does of ``arguments``, or raise what it raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()

        def settle(result: _Result | None, error: BaseException | None) -> None:
            if answer.cancelled():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # it is one, without an error

        def make() -> None:
            result, error = None, None
            try:
                result = function(*arguments)
            except BaseException as raised:  # noqa: BLE001 - whatever it is, the caller is told
                error = raised
            # A loop that is closed has nobody left to tell.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        self._calls.put(make)
        return await answer

    def call_later(self, function: Callable[[], object]) -> None:
        """Make a call after those before it; nobody asks what came of it."""
        self._calls.put(function)

    def _work(self) -> None:
        while True:
            self._calls.get()()
