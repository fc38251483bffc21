"""What tests have other processes do: these find a module here, not one of the tests'."""

import time
from pathlib import Path


def negate(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return -number


def begin_and_wait(path: Path) -> None:
    path.touch()
    time.sleep(60)


def product_threads() -> set[int]:
    """How many threads each library that multiplies arrays would take."""
    # One that comes after the process began is meant, too.
    import scipy.linalg  # noqa: F401
    import threadpoolctl

    return {library["num_threads"] for library in threadpoolctl.threadpool_info()}
