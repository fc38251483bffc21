"""``intone serve --workers N``: gunicorn keeps N processes, each of which is a whole server.

The parent checks everything that can be checked and listens; workers are its forks, share
its sockets and nothing else. Signals to the parent: SIGTERM and SIGINT drain and stop, SIGHUP
replaces the workers by ones with the settings and models as they are now.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from mmap import mmap
from types import FrameType
from typing import Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from intone import plugins
from intone.core.card import endpointer_for
from intone.core.recogniser import try_out
from intone.detectors import load_detector
from intone.errors import IntoneError, WorkerFailed
from intone.logs import set_up_logging
from intone.models import ModelStore
from intone.native_output import native_greeting_hidden
from intone.settings import ServerSettings
from intone.web import listening
from intone.web.metrics import forget_worker
from intone.web.open_files import within_open_files
from intone.web.serve import CANCEL_AFTER_S, STOP_SIGNALS
from intone.web.server import default_model
from intone.web.worker import RETIRE, WORKER_CLASS

log = logging.getLogger(__name__)

HANG_S = 60
"""A worker whose event loop has not turned for this long is replaced; a first start with
several models on a small board takes a few seconds."""

START_AGAIN_S = 5.0
"""After a worker that could not start while others serve, before the next try."""

KILL_AFTER_S = 5
"""After the drain and its clean-up, a worker that is still there is killed."""

Reload = Callable[[], ServerSettings]


def run(settings: ServerSettings, reload: Reload) -> None:
    """Serve until SIGTERM or SIGINT; ``reload`` gives the settings as they are at a SIGHUP.

    Raises what :func:`intone.web.serve.run` does, before any worker is started, and
    :class:`WorkerFailed` if a worker cannot start after all.
    """
    set_up_logging(settings.log_format, settings.log_level, shows_pid=True)
    parent = os.getpid()
    store = load(settings)
    sockets = listening.bind(settings.host, settings.port)
    print(f"intone listens on {listening.url(sockets[0].getsockname()[:2])}", flush=True)  # noqa: T201
    family = Family(settings, store, sockets, reload)
    try:
        family.run()
    except SystemExit as ended:
        # A worker ends through here too.
        if os.getpid() != parent:
            raise
        if ended.code in (Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR):
            raise WorkerFailed("a worker could not start; the log says why") from None
        if ended.code:
            raise


def load(settings: ServerSettings) -> ModelStore:
    """Load the models, and try everything that would keep a worker from starting."""
    store = ModelStore.load(settings.models_dir, settings.models)
    default_model(settings, store)
    load_detector(settings.endpointer)
    for name in settings.sinks:
        plugins.load(plugins.SINKS, name)
    plugins.load_all(plugins.DIALECTS)
    for name in store.names:
        endpointer_for(store[name].card, settings.endpointer)
        with native_greeting_hidden():
            # A reload retires the workers there are before others have come to run it.
            try_out(store[name].new_recogniser())
    return store


def share_of(settings: ServerSettings) -> ServerSettings:
    """Return the settings of one worker: all of them together stay within the limits."""
    limits, workers = settings.limits, settings.workers
    return replace(
        settings,
        workers=1,
        limits=replace(
            limits,
            max_sessions=limits.max_sessions // workers,
            max_uploads=max(limits.max_uploads // workers, 1),
        ),
    )


class Family(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn is to run: its configuration, and how a worker's application is made."""

    def __init__(
        self,
        settings: ServerSettings,
        store: ModelStore,
        sockets: list[socket.socket],
        reload: Reload,
    ) -> None:
        self.settings = settings
        self.store = store
        # Shared with the workers: the first of them that serves says so.
        self._has_served = mmap(-1, 1)
        self._reload = reload
        self._listens_on = (settings.host, settings.port)
        # gunicorn closes the numbers that it is given.
        self._listeners = [f"fd://{listener.detach()}" for listener in sockets]
        super().__init__()

    def load_config(self) -> None:
        """Nothing comes from gunicorn's own files, flags or variables."""
        chosen: dict[str, Any] = {
            "bind": self._listeners,
            "workers": self.settings.workers,
            "worker_class": WORKER_CLASS,
            "logger_class": Log,
            "loglevel": self.settings.log_level,
            "timeout": HANG_S,
            "graceful_timeout": self.graceful_s,
            "child_exit": lambda _, worker: forget_worker(worker.pid),
            # Commands for the parent come as signals alone; older releases do not know it.
            "control_socket_disable": True,
        }
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    @property
    def worker_settings(self) -> ServerSettings:
        """What a worker serves."""
        return within_open_files(share_of(self.settings))

    @property
    def graceful_s(self) -> int:
        """How long a worker that was told to stop may take."""
        return int(self.settings.limits.drain_s + CANCEL_AFTER_S) + KILL_AFTER_S

    @property
    def has_served(self) -> bool:
        """Whether any worker has come to serve."""
        return self._has_served[0] != 0

    def note_serving(self) -> None:
        """Say that this worker serves."""
        self._has_served[0] = 1

    def renew(self) -> None:
        """Read settings and models anew; with anything wrong, raise and keep what there is."""
        settings = self._reload()
        store = load(settings)
        if (settings.host, settings.port) != self._listens_on:
            log.warning("another address to listen on needs a restart")
        set_up_logging(settings.log_format, settings.log_level, shows_pid=True)
        self.settings, self.store = settings, store

    def run(self) -> None:
        """Keep the workers until told to stop; leaves by SystemExit."""
        log.info("%d workers, each for %d sessions", self.settings.workers,
                 self.worker_settings.limits.max_sessions)  # fmt: skip
        Parent(self).run()


class Parent(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parent, which stops as a single server does and survives a bad reload."""

    _is_stopping = False
    _is_reloading = False
    _starts_from_s = 0.0
    """On the monotonic clock: no worker is started before."""

    def handle_int(self) -> NoReturn:
        """Drain on Ctrl-C too."""
        raise StopIteration

    def handle_hup(self) -> None:
        """Replace the workers, unless what they would start with is wrong."""
        try:
            self.app.renew()
        except IntoneError as error:
            why = f"not reloaded, the workers go on as they were: {error}"
            log.error(why, extra={"code": error.code})  # noqa: TRY400 - a sentence says it all
            return
        except Exception:  # whatever it is, the workers that serve are well
            log.exception("not reloaded, the workers go on as they were")
            return
        # What kept a worker from starting may be what was mended.
        self._starts_from_s = 0.0
        super().handle_hup()

    def setup(self, app: Any) -> None:
        """Take the configuration; for a reload, without the time to wait for those who leave.

        gunicorn would look at nothing else meanwhile, so that it does not tell them twice to
        go: here they take that for once.
        """
        super().setup(app)
        if self._is_reloading:
            self.cfg.set("graceful_timeout", 0)

    def reload(self) -> None:
        """Replace the workers, and turn to what else there is while the old ones drain."""
        self._is_reloading = True
        try:
            super().reload()
        finally:
            self._is_reloading = False
            self.cfg.set("graceful_timeout", self.app.graceful_s)

    def handle_usr2(self) -> None:
        """Do nothing: gunicorn would start a second parent, which knows no metrics folder."""

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT002 - gunicorn's interface
        """Drain; who asks a second time does not want to wait."""
        self._is_stopping = True
        for number in STOP_SIGNALS:
            signal.signal(number, self._give_up)
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Take what is left of workers that ended.

        One that could not start stops the server, which needs no second one to say so. Once
        there was one that could, it is tried again: what it lacks may come back, and others
        may be serving.
        """
        while True:
            before = set(self.WORKERS)
            try:
                return super().reap_workers()  # type: ignore[no-any-return]
            except HaltServer:
                if not self._is_stopping and not self.app.has_served:
                    raise
                # gunicorn 22 and 23 still have it among the living, and would wait for it.
                self.kill_workers(0)
                # gunicorn leaves its `child_exit` out.
                for pid in before.difference(self.WORKERS):
                    forget_worker(pid)
                self._starts_from_s = time.monotonic() + START_AGAIN_S

    def manage_workers(self) -> None:
        """Keep as many as there are to be, but do not start one after the other in vain."""
        if time.monotonic() >= self._starts_from_s:
            super().manage_workers()

    def _give_up(self, number: int, _: FrameType | None) -> NoReturn:
        self.kill_workers(signal.SIGKILL)
        # As a shell would tell of a process that the signal ended.
        raise SystemExit(128 + number)

    def kill_worker(self, pid: int, sig: int) -> None:
        """Tell a worker that is to be replaced from one that stops with all others.

        The first leaves the sockets to those after it, the second answers newcomers that the
        server is stopping.
        """
        is_replaced = sig == signal.SIGTERM and not self._is_stopping
        super().kill_worker(pid, RETIRE if is_replaced else sig)


class Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's messages, in our format."""

    def setup(self, cfg: Any) -> None:
        """Leave handlers, formats and levels to the root logger."""
        self.cfg = cfg
        self.error_log.propagate = True

    def reopen_files(self) -> None:
        """There are none."""

    def close_on_exec(self) -> None:
        """There are none."""
