"""Training batch by batch."""

import os
import platform
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import keras

from intone_lab.epochs import Progress, reseed, run_epoch

TRAIN = """
import resource
from dataclasses import replace
from lab_clips import make_clips, make_examples
from intone_lab import training
from intone_lab.recipes import recipe

class Faults(training.Progress):
    def line(self, done, loss):
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

training.Progress = Faults
settings = replace(recipe("gru", 1), epochs=6, teacher=None)
training.train(make_examples(make_clips("ravdess", 1, 1)), settings, "tiny")
"""


def run(script: str) -> list[int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [int(line) for line in done.stdout.splitlines() if line.isdigit()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_a_step_takes_its_arrays_from_what_the_one_before_freed():
    """One batch of 16 rows: some 20,000 pages, which TensorFlow's pipeline has given back."""
    faults = run(TRAIN)
    assert len(faults) == 6
    assert faults[-1] - faults[-2] < 8_000


def linear() -> keras.Model:
    """Its input ``x`` times a weight that is 1."""
    given = keras.Input((1,), name="x")
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Model([given], {"y": layer(given)})
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss={"y": "mse"})
    return model


def batch(x: float, y: float, **others: float):
    inputs = {name: np.full((2, 1), value, "f4") for name, value in {"x": x, **others}.items()}
    return inputs, {"y": np.full((2, 1), y, "f4")}, {"y": np.ones(2, "f4")}


def test_the_loss_is_the_mean_of_the_batches_each_before_its_step():
    model = linear()
    # The weight goes from 1 by -0.2 x (w x - y): to 1.4, and on.
    loss = run_epoch(model, [batch(1.0, 3.0), batch(2.0, 2.0)])
    assert loss == pytest.approx((4.0 + 0.8**2) / 2, abs=1e-5)
    assert model.get_weights()[0].item() == pytest.approx(1.4 - 0.2 * 2 * 0.8, abs=1e-5)


def test_inputs_that_a_network_does_not_take_are_left_out():
    assert run_epoch(linear(), [batch(1.0, 1.0, frames=7.0)]) == 0.0


def test_a_line_says_how_far_it_is_and_how_long_still(monkeypatch):
    now = iter([100.0, 106.0, 112.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    progress = Progress("fold1", 10, done=4)
    assert progress.line(6, 1.25) == "fold1: epoch 6/10, loss 1.250, 6 s, about 12 s to go"
    assert progress.line(10, 0.5).endswith("12 s, about 0 s to go")


def test_dropout_draws_the_same_in_a_network_that_was_loaded(tmp_path):
    """Keras keeps no generator's place, and draws a new one for each loaded model."""
    given = keras.Input((64,))
    model = keras.Model(given, keras.layers.Dropout(0.5)(given))
    model.save(tmp_path / "kept.keras")
    loaded = keras.models.load_model(tmp_path / "kept.keras")
    rows = np.ones((4, 64), "f4")
    drawn = []
    for one in (model, loaded):
        one(rows, training=True)
        reseed(one, seed=3, epoch=2)
        drawn.append(keras.ops.convert_to_numpy(one(rows, training=True)))
    np.testing.assert_array_equal(*drawn)
    reseed(model, seed=3, epoch=3)
    assert not np.array_equal(drawn[0], keras.ops.convert_to_numpy(model(rows, training=True)))
