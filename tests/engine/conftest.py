"""An engine with its owner: what it posts waits here until a test takes it."""

from __future__ import annotations

import queue
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
        self.batch_sizes: list[int] = []
        self.waits_s: list[float] = []

    def batch_done(self, waits_s: Sequence[float], inference_s: float) -> None:
        assert inference_s >= 0
        self.batch_sizes.append(len(waits_s))
        self.waits_s += waits_s

    def run_next(self) -> None:
        self.posted.get(timeout=DEADLINE_S)()

    def run_until(self, is_done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + DEADLINE_S
        while not is_done():
            self.posted.get(timeout=max(deadline_s - time.monotonic(), 0.001))()


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
        engine = Engine(recogniser, EngineSettings(**options), owner.posted.put, owner)
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
