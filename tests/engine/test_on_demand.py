"""A model that answers at the end is there once somebody speaks to it, and says the same."""

import threading

import numpy as np
import pytest

from intone.engine import freed_memory
from intone.engine.on_demand import OnDemand
from intone.models import ModelStore


@pytest.fixture(scope="module")
def model():
    return ModelStore.load(names=("cnn",))["cnn"]


@pytest.fixture
def resting(model):
    made = []

    def make():
        made.append(model.new_recogniser())
        return made[-1]

    return OnDemand(model.card, make), made


def answer(recogniser):
    samples = np.random.default_rng(0).normal(0, 0.1, recogniser.card.shape.window).astype("f4")
    states = recogniser.step(samples[None], [np.zeros(0, np.float32)]).states
    return recogniser.finish(states[0])


def test_it_is_made_by_its_first_block_and_once(resting):
    on_demand, made = resting
    assert on_demand.card.name == "cnn"
    assert made == []
    answer(on_demand)
    answer(on_demand)
    assert len(made) == 1


def test_what_it_says_does_not_depend_on_a_rest(resting, model):
    on_demand, made = resting
    expected = answer(model.new_recogniser())
    for _ in range(2):
        said = answer(on_demand)
        np.testing.assert_array_equal(said.emotion_logits, expected.emotion_logits)
        np.testing.assert_array_equal(said.gender_logits, expected.gender_logits)
        on_demand.rest()
        assert on_demand.is_resting
    assert len(made) == 2


def test_a_rest_in_the_midst_of_an_utterance_costs_nothing_of_it(resting, model):
    on_demand, _ = resting
    samples = np.random.default_rng(0).normal(0, 0.1, model.card.shape.window).astype("f4")
    states = on_demand.step(samples[None], [np.zeros(0, np.float32)]).states
    on_demand.rest()
    expected = answer(model.new_recogniser())
    np.testing.assert_array_equal(
        on_demand.finish(states[0]).emotion_logits, expected.emotion_logits
    )


def test_two_threads_wake_it_once(model):
    made, may_go_on = [], threading.Event()

    def make():
        made.append(True)
        assert may_go_on.wait(30)
        return model.new_recogniser()

    on_demand = OnDemand(model.card, make)
    threads = [threading.Thread(target=on_demand.wake) for _ in range(2)]
    for thread in threads:
        thread.start()
    may_go_on.set()
    for thread in threads:
        thread.join()
    assert made == [True]


def test_freed_memory_is_given_back_where_the_c_library_can(monkeypatch):
    freed_memory.give_back()  # with the one that is here
    given = []

    class Glibc:
        malloc_trim = staticmethod(given.append)

    for library in (Glibc(), object()):
        monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda _, library=library: library)
        freed_memory.give_back()
    assert given == [0]
