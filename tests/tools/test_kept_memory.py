"""Freed memory that is kept, by page faults: each page that the system gives anew is one."""

import os
import platform
import subprocess
import sys
from importlib.util import find_spec

import pytest

if platform.libc_ver()[0] != "glibc":
    pytest.skip("another C library than glibc", allow_module_level=True)

ROUNDS = 50
PAGES = 256

FREED = f"""
import ctypes, resource
import numpy as np
from intone_lab.kept_memory import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range({ROUNDS}):
        np.ones({PAGES} << 12, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

# As TensorFlow does.
ctypes.CDLL(None).mallopt(-1, 128 << 10)
print(faults())
keep_freed()
# The first time it is taken.
faults()
print(faults())
"""

TRAIN = """
import resource
from dataclasses import replace
from lab_clips import make_clips, make_examples
from intone_lab import training
from intone_lab.recipes import recipe

class Faults(training._Progress):
    def on_epoch_end(self, epoch, logs=None):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

training._Progress = Faults
settings = replace(recipe("gru", 1), epochs=6, finish=None, teacher=None)
training.train(make_examples(make_clips("ravdess", 1, 1)), settings, "tiny")
"""


def run(script: str) -> list[int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [int(line) for line in done.stdout.splitlines() if line.isdigit()]


def test_what_is_freed_serves_again():
    given_back, kept = run(FREED)
    assert given_back > ROUNDS * PAGES / 2
    assert kept < ROUNDS


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="the lab's extra is not installed")
def test_a_step_of_training_takes_its_arrays_from_what_the_one_before_freed():
    """One batch of 16 rows: some 20,000 pages, which TensorFlow would have given back."""
    faults = run(TRAIN)
    assert faults[-1] - faults[-2] < 8_000
