"""Long work in fresh processes: TensorFlow does not survive a fork, nor give memory back."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any, TypeVar

_T = TypeVar("_T")


def each_alone(
    function: Callable[..., _T], arguments: Mapping[str, tuple[Any, ...]], jobs: int
) -> list[_T]:
    """Call ``function`` with each of ``arguments`` in a process of its own, ``jobs`` at a time.

    Returns what the calls return, in order. One that fails is named at once, and its error is
    raised when the others have ended. After Ctrl-C, which ends those that run, none begins.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        work = [pool.submit(_alone, function, name, given) for name, given in arguments.items()]
        wait(work)
        return [job.result() for job in work]
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(function: Callable[..., _T], name: str, given: tuple[Any, ...]) -> _T:
    context = multiprocessing.get_context("spawn")
    try:
        # A pool a call, since ``max_tasks_per_child`` is not in Python 3.10.
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(function, *given).result()
    except Exception as error:
        # The others may take hours.
        print(f"{name} failed, the others go on: {error!r}", flush=True)
        raise
