"""``intone serve --workers N``: gunicorn keeps N processes, each of which is a whole server.

The parent checks everything that can be checked and listens; workers are its forks, share
its sockets and nothing else. Signals to the parent: SIGTERM and SIGINT drain and stop, SIGHUP
replaces the workers by ones with the settings and models as they are now.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from mmap import mmap
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from intone import plugins
from intone.core.card import endpointer_for
from intone.core.recogniser import try_out
from intone.detectors import load_detector
from intone.errors import WorkerFailed
from intone.logs import set_up_logging
from intone.models import ModelStore
from intone.native_output import native_greeting_hidden
from intone.settings import ServerSettings
from intone.web import listening
from intone.web.metrics import forget_worker
from intone.web.open_files import within_open_files
from intone.web.parent import Parent
from intone.web.serve import CANCEL_AFTER_S
from intone.web.server import default_model
from intone.web.shared_metrics import FOLDER_VARIABLE
from intone.web.worker import WORKER_CLASS

log = logging.getLogger(__name__)

HANG_S = 60
"""A worker whose event loop has not turned for this long is replaced; a first start with
several models on a small board takes a few seconds."""

_WORKERS_REMEMBERED = 1 << 12
"""Far more than there are at once."""

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
            # What a block shows, a reload need not start workers to find.
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
        # Shared with the workers, each of which says there that it serves.
        self._serving = mmap(-1, _WORKERS_REMEMBERED)
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
            # What a worker touches to show that it lives: /tmp may be full, or not writable.
            "worker_tmp_dir": os.environ.get(FOLDER_VARIABLE),
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
        return any(self._serving[:])

    def is_serving(self, age: int) -> bool:
        """Whether the worker of gunicorn's number ``age`` has come to serve."""
        return self._serving[age % _WORKERS_REMEMBERED] != 0

    def note_serving(self, age: int, *, is_serving: bool = True) -> None:
        """Say that it serves, or that one of that number is about to be started."""
        self._serving[age % _WORKERS_REMEMBERED] = is_serving

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
