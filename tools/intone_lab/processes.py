"""Long work in fresh processes: TensorFlow does not survive a fork, nor give memory back."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from types import MappingProxyType
from typing import Any, TypeVar

_T = TypeVar("_T")

ONE_THREAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)
"""Environment in which numpy's matrix products, and others', take one thread."""


def fresh_processes(jobs: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of ``jobs`` processes, of one a core for None, that end with this one.

    They are spawned: the caller may have TensorFlow loaded. Each multiplies arrays in one thread:
    with several they wait for each other's cores (hearing with the teachers took twice as long).
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)


def each_alone(
    function: Callable[..., _T], arguments: Mapping[str, tuple[Any, ...]], jobs: int
) -> list[_T]:
    """Call ``function`` with each of ``arguments`` in a process of its own, ``jobs`` at a time.

    Returns what the calls return, in order. One that fails is named at once, and its error is
    raised when the others have ended. After Ctrl-C, which ends those that run, none begins; and
    none outlives the caller's process, however that ends.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        work = [pool.submit(_alone, function, name, given) for name, given in arguments.items()]
        wait(work)
        return [job.result() for job in work]
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(function: Callable[..., _T], name: str, given: tuple[Any, ...]) -> _T:
    try:
        # A pool a call, since ``max_tasks_per_child`` is not in Python 3.10.
        with fresh_processes(1) as pool:
            return pool.submit(function, *given).result()
    except Exception as error:
        # The others may take hours.
        print(f"{name} failed, the others go on: {error!r}", flush=True)
        raise


def _begin() -> None:
    # Here, because the bench, which has no need of the lab's extra, ends its processes likewise.
    import threadpoolctl

    end_with_parent()
    # Those that are loaded already, with what the process began as, and those that come.
    threadpoolctl.threadpool_limits(1)
    os.environ.update(ONE_THREAD)


def end_with_parent() -> None:
    """Let this process, which :mod:`multiprocessing` made, not outlive the one that made it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_for_it() -> None:
        parent.join()
        # The other threads compute: nothing else would stop them.
        os._exit(1)

    threading.Thread(target=wait_for_it, daemon=True).start()


def leave_end_to_parent() -> None:
    """Let it not outlive its parent either, and leave Ctrl-C, which comes to all, to that one."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
