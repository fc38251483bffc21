"""Python's collector of cycles, kept from holding up everybody while they speak.

A full collection looks at every object that there is: 0.1 s with 800 sessions, as often as
their number grows by a quarter. What a session holds goes without it; what is left in cycles
is little, and waits here until nobody speaks, or until it is much.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

from aiohttp import web

from intone.web.keys import SERVER
from intone.web.server import Server

LOOK_S = 10.0
MOST_ENDED = 500
"""Sessions and uploads that may leave cycles behind, tens of kilobytes each, beside live ones."""
_NEVER = 1_000_000


async def sparing_collections(app: web.Application) -> AsyncIterator[None]:
    """Clean-up context of a process that serves nothing else."""
    thresholds = gc.get_threshold()
    gc.collect()
    # Modules and models stay: no collection need look at them.
    gc.freeze()
    gc.set_threshold(thresholds[0], thresholds[1], _NEVER)
    looking = asyncio.create_task(_look(app[SERVER]))
    yield
    looking.cancel()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def _look(server: Server) -> None:
    collected = 0
    while True:
        await asyncio.sleep(LOOK_S)
        ended = server.ended - collected
        if ended >= MOST_ENDED or (ended and not server.is_occupied):
            collected = server.ended
            gc.collect()
