"""One thread that does one job after the other and gives back what came of each."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Post = Callable[[Callable[[], None]], object]
"""Runs a callable on the owner's thread, in order: ``loop.call_soon_threadsafe``."""

Job = Callable[[], Callable[[], None]]
"""Done on the worker's thread; what it returns is run on the owner's. It must not raise."""


class Worker:
    """The queue costs one lock a job: what is worth a job is a batch, not a block."""

    def __init__(self, name: str, post: Post) -> None:
        self._post = post
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def do(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish the jobs that are queued and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._post(job())
            # While it waits for the next one it holds on to nobody's audio.
            del job
