"""``intone serve``: load, listen, and stop in good order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from functools import partial

from aiohttp import web

from intone.models import ModelStore
from intone.settings import ServerSettings
from intone.web import listening
from intone.web.app import create_app
from intone.web.collector import sparing_collections
from intone.web.first_request import watched
from intone.web.http_input import PacedRunner
from intone.web.keys import SERVER
from intone.web.open_files import within_open_files
from intone.web.server import UPLOAD_THREADS
from intone.web.slow_readers import aborted

try:
    from uvloop import run as run_on_loop
except ImportError:
    from asyncio import run as run_on_loop  # type: ignore[assignment]  # called the same way

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

KEEP_ALIVE_S = 75.0
"""How long a connection may wait for its next request, as with other servers."""

LINGER_S = 1.0
"""How long the rest of a refused upload is read, so that its sender sees the answer."""

CANCEL_AFTER_S = 2.0
"""What is left after the drain is cancelled, and gets this long to clean up."""


def run(settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises :class:`intone.errors.ModelError` or :class:`UnknownModel` for a model that
    cannot be served, :class:`intone.errors.AddressInUse` if the port is taken, and
    :class:`intone.errors.SettingsError` for an address that cannot be listened on.
    """
    store = ModelStore.load(settings.models_dir, settings.models)
    run_on_loop(_serve(within_open_files(settings), store))
    _leave_uploads()


def _leave_uploads() -> None:
    """End the process, should a sound file keep native code busy for ever.

    Python waits for a pool's threads at its end.
    """
    uploads = [one for one in threading.enumerate() if one.name.startswith(UPLOAD_THREADS)]
    for upload in uploads:
        upload.join(CANCEL_AFTER_S / len(uploads))
    if any(upload.is_alive() for upload in uploads):
        log.warning("an upload is still being decoded; leaving it")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


def new_runner(settings: ServerSettings, store: ModelStore) -> web.AppRunner:
    """Return what runs the application in a process that serves nothing else."""
    app = create_app(settings, store)
    app.cleanup_ctx.append(sparing_collections)
    runner = PacedRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=CANCEL_AFTER_S,
        keepalive_timeout=KEEP_ALIVE_S,
        lingering_time=LINGER_S,
    )
    app.cleanup_ctx.append(partial(watched, runner))
    app.cleanup_ctx.append(partial(aborted, runner))
    return runner


async def _serve(settings: ServerSettings, store: ModelStore) -> None:
    runner = new_runner(settings, store)
    await runner.setup()
    try:
        stop = _stop_signal()
        await _listen(runner, settings)
        print(f"intone listens on {listening.url(runner.addresses[0][:2])}", flush=True)  # noqa: T201  (what to open)
        await stop.wait()
        log.info("stopping")
        # Who asks a second time does not want to wait.
        _forget_signals()
        # Still listening: a load balancer sees the readiness go down, newcomers get a 503.
        await runner.app[SERVER].drain()
    finally:
        await runner.cleanup()


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    for number in _signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _signals() -> tuple[signal.Signals, ...]:
    """Those that stop a single server: of a terminal that is closed, too, unless under nohup."""
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is None or signal.getsignal(hang_up) is signal.SIG_IGN:
        return STOP_SIGNALS
    return (*STOP_SIGNALS, hang_up)


def _forget_signals() -> None:
    for number in _signals():
        asyncio.get_running_loop().remove_signal_handler(number)


async def _listen(runner: web.AppRunner, settings: ServerSettings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except (OSError, UnicodeError) as error:
        raise listening.refusal(error, settings.host, settings.port) from error
