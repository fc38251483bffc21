"""An engine with its owner: what it posts waits here until a test takes it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from small_recogniser import SmallRecogniser, SmallUtteranceRecogniser

from intone.core.recogniser import Recogniser
from intone.engine.engine import Engine
from intone.models import ModelStore
from intone.settings import EngineSettings

DEADLINE_S = 20.0


class Owner:
    """The owner's thread is the test's: it runs what was posted when it says so."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.delays_s: list[float] = []
        """Of every timer that was asked for."""
        self.batch_sizes: list[int] = []
        self.waits_s: list[float] = []

    def batch_done(self, waits_s: Sequence[float], inference_s: float) -> None:
        assert inference_s >= 0
        self.batch_sizes.append(len(waits_s))
        self.waits_s += waits_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.delays_s.append(delay_s)
        self.timers.append((time.monotonic() + delay_s, callback))

    def run_next(self) -> None:
        """Run what was posted next, and the timers that are due until then."""
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            self._run_timers()
            until_s = min([deadline_s, *(due_s for due_s, _ in self.timers)])
            try:
                job = self.posted.get(timeout=max(until_s - time.monotonic(), 0.001))
            except queue.Empty:
                assert time.monotonic() < deadline_s
            else:
                job()
                return

    def run_until(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            self.run_next()

    def wait_for(self, entered: threading.Semaphore) -> None:
        """Until the model is entered, which may have to wait for company first."""
        while self.timers:
            assert not entered.acquire(blocking=False), "it was entered before its timer"
            due_s, callback = self.timers.pop(0)
            time.sleep(max(due_s - time.monotonic(), 0))
            callback()
        assert entered.acquire(timeout=DEADLINE_S)

    def _run_timers(self) -> None:
        now_s = time.monotonic()
        due = [callback for due_s, callback in self.timers if due_s <= now_s]
        self.timers = [timer for timer in self.timers if timer[0] > now_s]
        for callback in due:
            callback()


@pytest.fixture(scope="session")
def store() -> ModelStore:
    return ModelStore.load()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def recogniser(store: ModelStore) -> SmallRecogniser:
    return SmallRecogniser(store["gru"].card)


@pytest.fixture
def at_end(store: ModelStore) -> SmallUtteranceRecogniser:
    """A model that answers at the end."""
    return SmallUtteranceRecogniser(store["gru"].card)


@pytest.fixture
def make_engine(owner: Owner) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(recogniser: Recogniser, **options: float) -> Engine:
        # A gate that is shut must not shut the test in.
        options.setdefault("own_thread_ms", 0)
        engine = Engine(
            recogniser, EngineSettings(**options), owner.posted.put, owner.call_later, owner
        )
        engine.start()
        engines.append(engine)
        if isinstance(recogniser, SmallRecogniser):
            # Warming up is not what tests look at.
            recogniser.batches.clear()
            while recogniser.entered.acquire(blocking=False):
                pass
        if isinstance(recogniser, SmallUtteranceRecogniser):
            recogniser.calls.clear()
            while recogniser.entered.acquire(blocking=False):
                pass
        return engine

    yield make
    for engine in engines:
        engine.stop()
