"""A time limit that loses no cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def within(timeout_s: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Return what ``work`` does; raise :class:`asyncio.TimeoutError` where it takes longer.

    ``asyncio.wait_for``, before Python 3.12, returns a result that is there just as its caller is
    cancelled, and the caller goes on.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if task.done():
            return task.result()
        raise asyncio.TimeoutError
    finally:
        if task.done():
            # Else it is told that nobody has asked what was raised.
            _ = task.cancelled() or task.exception()
        else:
            task.cancel()
            await asyncio.wait({task})
