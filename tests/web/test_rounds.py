"""Rounds on a clock of their own: what is heard when, and how long is rested."""

from collections import deque

import pytest

from intone.web.rounds import Pace, Rounds


class Machine:
    """A loop, a clock, and a thread that is busy when it is told to be."""

    def __init__(self, round_s=0.0):
        self.now_s = self.busy_s = 0.0
        self.queue = deque()
        self.slept = []
        self.heard = []
        self.batches = 0
        """How many the engines have still to do."""
        self.pace = Pace(0.02, lambda: self.now_s, lambda: self.busy_s)
        self.pace.round_s = round_s
        self.rounds = Rounds(
            self.queue.append, self.hurry, self.pace, lambda: self.now_s, self.sleep
        )

    def hurry(self):
        return self.batches > 0

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds

    def join(self, name):
        self.rounds.join(lambda: self.heard.append(name))

    def turn(self):
        for _ in range(len(self.queue)):
            self.queue.popleft()()

    def work(self, seconds):
        self.now_s += seconds
        self.busy_s += seconds


@pytest.mark.parametrize(
    ("busy", "round_s"), [(0.0, 0.0), (0.35, 0.0), (0.525, 0.01), (0.7, 0.02), (1.0, 0.02)]
)
def test_a_round_lasts_the_longer_the_busier_the_thread_is(busy, round_s):
    machine = Machine()
    machine.now_s, machine.busy_s = 1.0, busy
    machine.pace.update()
    assert machine.pace.round_s == pytest.approx(round_s)


def test_how_busy_it_is_is_not_measured_over_moments():
    machine = Machine()
    machine.work(0.2)
    machine.pace.update()
    assert machine.pace.round_s == 0.0
    machine.work(0.1)
    machine.pace.update()
    assert machine.pace.round_s == 0.02


def test_who_joined_is_heard_once_and_in_order_with_no_rest_on_an_idle_machine():
    machine = Machine()
    for name in "abc":
        machine.join(name)
    assert machine.heard == []
    machine.turn()
    assert machine.heard == ["a", "b", "c"]
    machine.turn()
    assert machine.heard == ["a", "b", "c"]
    assert machine.slept == []
    assert not machine.queue


def test_a_busy_machine_rests_for_what_is_left_of_the_round():
    machine = Machine(round_s=0.02)
    machine.join("a")
    machine.turn()
    machine.work(0.015)
    machine.join("b")
    machine.turn()
    assert machine.heard == ["a"]
    assert machine.slept == [pytest.approx(0.005)]
    machine.turn()
    assert machine.heard == ["a", "b"]


def test_there_is_no_rest_while_there_is_something_to_answer():
    machine = Machine(round_s=0.02)
    machine.batches = 2
    machine.join("a")
    machine.turn()
    while machine.batches:
        machine.turn()
        assert machine.slept == []
        machine.work(0.004)
        machine.batches -= 1
    machine.turn()
    assert machine.slept == [pytest.approx(0.012)]


def test_answers_do_not_keep_the_next_round_from_its_time():
    machine = Machine(round_s=0.02)
    machine.batches = 1_000
    machine.join("a")
    machine.turn()
    machine.join("b")
    for _ in range(5):
        machine.work(0.005)
        machine.turn()
    assert machine.heard == ["a", "b"]
    assert machine.slept == []
