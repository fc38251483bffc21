"""One of several workers: aiohttp's worker for gunicorn, stopping as a single server does."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from types import FrameType
from typing import Any

from aiohttp import web
from aiohttp.worker import GunicornUVLoopWebWorker, GunicornWebWorker

from intone.errors import IntoneError
from intone.web.keys import SERVER
from intone.web.serve import new_runner

log = logging.getLogger(__name__)

RETIRE = signal.SIGUSR2
"""From the parent: others take over; leave the sockets to them, drain and end."""

REFRESH_S = 1.0
"""How old a lag may be that another worker tells: a scrape comes every few seconds."""

_BOOT_ERROR = 3
"""gunicorn's exit code for a worker that it would be no use to start again."""

_LoopWorker: type[GunicornWebWorker] = (
    GunicornUVLoopWebWorker if find_spec("uvloop") else GunicornWebWorker
)


class StreamWorker(_LoopWorker):  # type: ignore[misc,valid-type]  # chosen at run time
    """Serves ``app.worker_settings`` and ``app.store``; ends when its parent says so, or is gone.

    While it drains it goes on telling its parent that it is alive.
    """

    sockets: list[Any]
    _runner: web.AppRunner
    _leaving: asyncio.Task[None] | None = None

    def load_wsgi(self) -> None:
        """Give aiohttp's worker what it calls on its loop."""
        self.wsgi = self._make_runner
        # In gunicorn's wrapping each would be closed twice.
        self.sockets = [listener.sock for listener in self.sockets]
        # Older aiohttp ends well after a start that failed.
        self.exit_code = _BOOT_ERROR

    def run(self) -> None:
        """Serve; a start that is refused is one line of the log."""
        try:
            super().run()
        except IntoneError as error:
            log.error("worker cannot start: %s", error, extra={"code": error.code})  # noqa: TRY400
            sys.exit(_BOOT_ERROR)

    async def _make_runner(self) -> web.AppRunner:
        self._runner = new_runner(self.app.worker_settings, self.app.store)
        self._runner.app.cleanup_ctx.append(self._refresh_metrics)
        return self._runner

    async def _refresh_metrics(self, app: web.Application) -> AsyncIterator[None]:
        async def refresh() -> None:
            while True:
                app[SERVER].metrics.refresh()
                await asyncio.sleep(REFRESH_S)

        # The server has started: what comes now is no failure to start.
        self.exit_code = 0
        self.app.note_serving(self.age)
        log.info("worker serves")
        refreshing = asyncio.create_task(refresh())
        yield
        refreshing.cancel()

    # --- the end -----------------------------------------------------------------------

    def init_signals(self) -> None:
        """Drain on SIGTERM; SIGINT comes from a terminal to the parent as well."""
        super().init_signals()
        self.loop.add_signal_handler(signal.SIGTERM, self._leave)
        self.loop.add_signal_handler(RETIRE, self._leave, True)
        self.loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def handle_abort(self, sig: int, frame: FrameType | None) -> Any:
        """See gunicorn: the loop hung. Without a word it would seem to have been killed."""
        log.critical("the event loop did not turn: worker given up")
        return super().handle_abort(sig, frame)

    def _leave(self, is_replaced: bool = False) -> None:  # noqa: FBT002
        if self._leaving is not None:
            return
        self._leaving = self.loop.create_task(self._drain(is_replaced))
        # The parent says it again each time it wakes; without the loop it would kill.
        signal.pthread_sigmask(signal.SIG_BLOCK, {RETIRE})
        self.loop.remove_signal_handler(RETIRE)
        signal.signal(RETIRE, signal.SIG_IGN)

    async def _drain(self, is_replaced: bool) -> None:
        if is_replaced:
            for site in list(self._runner.sites):
                await site.stop()
        try:
            await self._runner.app[SERVER].drain()
        finally:
            self.handle_quit(signal.SIGTERM, None)


WORKER_CLASS = f"{StreamWorker.__module__}.{StreamWorker.__qualname__}"
"""As gunicorn wants it."""
