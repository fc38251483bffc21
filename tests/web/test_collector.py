"""When Python's collector may look at everything: not while people speak."""

import asyncio
import gc

import pytest

from intone.web import collector
from intone.web.collector import MOST_ENDED, sparing_collections
from intone.web.keys import SERVER


class Busy:
    """A server as the collector sees it."""

    def __init__(self):
        self.ended = 0
        self.occupied = False
        self.looked = asyncio.Event()

    @property
    def is_occupied(self):
        self.looked.set()
        return self.occupied


@pytest.fixture
async def full_collections():
    """An event that every full collection sets."""
    happened, loop = asyncio.Event(), asyncio.get_running_loop()

    def note(phase, info):
        if phase == "stop" and info["generation"] == 2:
            loop.call_soon(happened.set)

    gc.callbacks.append(note)
    yield happened
    gc.callbacks.remove(note)


async def test_it_looks_when_nobody_speaks_or_many_have_gone(full_collections, monkeypatch):
    monkeypatch.setattr(collector, "LOOK_S", 0.001)
    before = gc.get_threshold()
    server = Busy()
    context = sparing_collections({SERVER: server})
    await anext(context)
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[2] > 100_000

    server.occupied = True
    server.ended = MOST_ENDED - 1
    await asyncio.sleep(0)  # what was collected before is told
    full_collections.clear()
    for _ in range(3):
        server.looked.clear()
        await asyncio.wait_for(server.looked.wait(), 10)
    assert not full_collections.is_set()

    server.ended += 1
    await asyncio.wait_for(full_collections.wait(), 10)

    full_collections.clear()
    server.occupied = False
    server.ended += 1
    await asyncio.wait_for(full_collections.wait(), 10)

    with pytest.raises(StopAsyncIteration):
        await anext(context)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
