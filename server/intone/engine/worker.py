"""Who does the engine's jobs: a thread, or the owner's own between its other work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Protocol

Post = Callable[[Callable[[], None]], object]
"""Runs a callable on the owner's thread, in order: ``loop.call_soon_threadsafe``."""

Job = Callable[[], Callable[[], None]]
"""Done on the worker's thread; what it returns is run on the owner's. It must not raise."""


class Worker(Protocol):
    """Does one job after the other, in order, and gives back what came of each."""

    is_owner: bool
    """Whether it is the owner's own thread that does them."""

    def start(self) -> None:
        """Be ready for jobs."""
        ...

    def do(self, job: Job) -> None:
        """Queue a job."""
        ...

    def stop(self) -> None:
        """Take no more; a thread finishes the jobs that are queued."""
        ...


class OwnWorker:
    """Jobs run on the owner's thread, each in a turn of its own.

    A thread beside a busy one gets the interpreter lock late, every time that it has let it
    go: a job of many short numpy calls then takes ten times as long. Here none is shared.
    """

    is_owner = True

    def __init__(self, post: Post) -> None:
        self._post = post

    def start(self) -> None:
        """See :class:`Worker`."""

    def do(self, job: Job) -> None:
        """See :class:`Worker`."""

        def run() -> None:
            job()()

        self._post(run)

    def stop(self) -> None:
        """See :class:`Worker`."""


class ThreadWorker:
    """Jobs run on a thread: long ones, that the owner must not wait for."""

    is_owner = False

    def __init__(self, name: str, post: Post) -> None:
        self._post = post
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """See :class:`Worker`."""
        self._thread.start()

    def do(self, job: Job) -> None:
        """See :class:`Worker`."""
        self._jobs.put(job)

    def stop(self) -> None:
        """See :class:`Worker`."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._post(job())
            # While it waits for the next one it holds on to nobody's audio.
            del job
