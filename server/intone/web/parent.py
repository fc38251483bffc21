"""gunicorn's parent of several workers: when it starts, replaces and ends them."""

from __future__ import annotations

import logging
import os
import signal
import time
from types import FrameType
from typing import Any, NoReturn

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from intone.errors import IntoneError
from intone.web.metrics import forget_worker
from intone.web.serve import STOP_SIGNALS
from intone.web.worker import RETIRE

log = logging.getLogger(__name__)

START_AGAIN_S = 5.0
"""After a worker that could not start while others serve, before the next try."""


class Parent(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parent, which stops as a single server does and survives a bad reload."""

    _is_stopping = False
    _is_reloading = False
    _starts_from_s = 0.0
    """On the monotonic clock: no worker is started before."""
    _first_age = 0
    """gunicorn's number of the first worker since the last reload: those before are old."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._retired: set[int] = set()

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
        self._first_age = self.worker_age + 1
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
        # gunicorn counts old ones, too, and would never replace them, had a new one died.
        while self._may_start and len(self._new) < self.num_workers <= len(self.WORKERS):
            self.spawn_worker()
        if self._may_start:
            super().manage_workers()

    @property
    def _may_start(self) -> bool:
        return time.monotonic() >= self._starts_from_s

    @property
    def _new(self) -> set[int]:
        return {pid for pid, worker in self.WORKERS.items() if worker.age >= self._first_age}

    def spawn_worker(self) -> int:
        """Start one, which does not serve yet; where the system has no room for it, later.

        gunicorn would end, and all workers with it.
        """
        self.app.note_serving(self.worker_age + 1, is_serving=False)
        parent = os.getpid()
        try:
            return super().spawn_worker()  # type: ignore[no-any-return]
        except OSError as error:
            if os.getpid() != parent or not self.app.has_served:
                raise
            log.error("no worker can be started now: %s", error)  # noqa: TRY400 - says it all
            self._starts_from_s = time.monotonic() + START_AGAIN_S
            return 0

    def _give_up(self, number: int, _: FrameType | None) -> NoReturn:
        self.kill_workers(signal.SIGKILL)
        # As a shell would tell of a process that the signal ended.
        raise SystemExit(128 + number)

    def kill_worker(self, pid: int, sig: int) -> None:
        """Tell a worker that is to be replaced from one that stops with all others.

        The first leaves the sockets to those after it, once they serve; the second answers
        newcomers that the server is stopping.
        """
        if sig != signal.SIGTERM or self._is_stopping:
            super().kill_worker(pid, sig)
        elif self._is_replaced(pid):
            self._retired.add(pid)
            super().kill_worker(pid, RETIRE)

    def _is_replaced(self, pid: int) -> bool:
        """Whether enough others serve. Where not, the parent comes back to it each second."""
        self._retired &= set(self.WORKERS)
        others = self._new - self._retired - {pid}
        serving = [other for other in others if self.app.is_serving(self.WORKERS[other].age)]
        return pid in self._retired or len(serving) >= self.num_workers
