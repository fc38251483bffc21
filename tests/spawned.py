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
