"""Blocks to batches and back: order, company, failures, lateness."""

import threading
import time
import weakref

import numpy as np
import pytest
from small_recogniser import STATE, WINDOW, SmallRecogniser

from intone.engine.engine import Engine
from intone.errors import Overloaded, RecogniserFailed
from intone.settings import EngineSettings
from intone.types import Scores


def block(level: float) -> np.ndarray:
    return np.full(WINDOW, level, np.float32)


def stepped_alone(recogniser, levels):
    """Emotion logits of a lone utterance, block by block."""
    state = np.zeros((1, STATE), np.float32)
    logits = []
    for level in levels:
        output = recogniser.step(block(level)[np.newaxis], state)
        state = output.states
        logits.append(output.emotion_logits[0])
    return logits


def test_each_utterance_gets_its_own_scores_in_order(make_engine, owner, recogniser):
    engine = make_engine(recogniser)
    levels = {name: [0.1 * name + 0.01 * i for i in range(1, 8)] for name in range(1, 6)}
    outcomes = {name: [] for name in levels}
    tickets = {name: engine.open(outcomes[name].append) for name in levels}
    for i in range(7):
        for name, ticket in tickets.items():
            engine.submit(ticket, block(levels[name][i]))
    owner.run_until(lambda: all(len(got) == 7 for got in outcomes.values()))
    for name, got in outcomes.items():
        assert all(isinstance(outcome, Scores) for outcome in got)
        expected = stepped_alone(recogniser, levels[name])
        np.testing.assert_array_equal([outcome.emotion_logits for outcome in got], expected)


def test_a_batch_holds_one_block_of_an_utterance(make_engine, owner, recogniser):
    engine = make_engine(recogniser)
    recogniser.is_open.clear()
    outcomes = []
    first, second = engine.open(outcomes.append), engine.open(outcomes.append)
    engine.submit(first, block(0.1))
    owner.wait_for(recogniser.entered)
    # While the model is busy, three of one and one of the other gather.
    for _ in range(3):
        engine.submit(first, block(0.1))
    engine.submit(second, block(0.2))
    recogniser.is_open.set()
    owner.run_until(lambda: len(outcomes) == 5)
    # One of each, then the rest of the first's one by one.
    assert recogniser.batches == [1, 2, 1, 1]
    assert owner.batch_sizes == recogniser.batches


def test_a_batch_has_a_largest_size_and_goes_back_in_one_call(make_engine, owner, recogniser):
    engine = make_engine(recogniser, max_batch=4)
    recogniser.is_open.clear()
    outcomes = []
    tickets = [engine.open(outcomes.append) for _ in range(11)]
    engine.submit(tickets[0], block(0.1))
    owner.wait_for(recogniser.entered)
    for ticket in tickets[1:]:
        engine.submit(ticket, block(0.1))
    recogniser.is_open.set()
    posts = 0
    while len(outcomes) < 11:
        owner.run_next()
        posts += 1
    assert recogniser.batches == [1, 4, 4, 2]
    assert posts == 4


def test_nobody_waits_for_company_that_cannot_come(make_engine, owner, recogniser):
    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    outcomes = []
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    owner.run_until(lambda: outcomes)
    assert not owner.delays_s


def test_a_block_waits_for_company_that_may_come(make_engine, owner, recogniser):
    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    outcomes = []
    first, second = engine.open(outcomes.append), engine.open(outcomes.append)
    engine.submit(first, block(0.1))
    engine.submit(second, block(0.2))
    owner.run_until(lambda: len(outcomes) == 2)
    assert recogniser.batches == [2]


def test_company_that_has_ended_is_not_waited_for(make_engine, owner, recogniser):
    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    outcomes = []
    first, second = engine.open(outcomes.append), engine.open(outcomes.append)
    engine.submit(second, block(0.2))
    engine.end(second)
    engine.submit(first, block(0.1))
    owner.run_until(lambda: len(outcomes) == 2)
    owner.delays_s.clear()
    engine.submit(first, block(0.1))
    owner.run_until(lambda: len(outcomes) == 3)
    assert not owner.delays_s


def test_a_failing_block_fails_its_utterance_alone_and_the_engine_goes_on(
    make_engine, owner, recogniser, caplog
):
    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    recogniser.fails_on = {np.float32(0.5).item()}
    alone = stepped_alone(recogniser, [0.1, 0.2])
    outcomes = {name: [] for name in "abc"}
    tickets = {name: engine.open(outcomes[name].append) for name in "ab"}
    engine.submit(tickets["a"], block(0.1))
    engine.submit(tickets["b"], block(0.5))
    # What came after the failing block is not answered: the utterance is over.
    engine.submit(tickets["b"], block(0.1))
    owner.run_until(lambda: outcomes["a"] and outcomes["b"])
    assert owner.batch_sizes == [2]
    assert [type(outcomes[name][0]) for name in "ab"] == [Scores, RecogniserFailed]
    assert "a model that fails" in caplog.text
    assert "a model that fails" not in str(outcomes["b"][0])
    # Its neighbour's next block goes on from the state of the first.
    engine.submit(tickets["a"], block(0.2))
    owner.run_until(lambda: len(outcomes["a"]) == 2)
    for outcome, logits in zip(outcomes["a"], alone, strict=True):
        np.testing.assert_array_equal(outcome.emotion_logits, logits)
    tickets["c"] = engine.open(outcomes["c"].append)
    engine.submit(tickets["b"], block(0.1))
    engine.submit(tickets["c"], block(0.1))
    owner.run_until(lambda: outcomes["c"])
    assert isinstance(outcomes["c"][0], Scores)
    assert len(outcomes["b"]) == 1
    assert engine.backlog_s == 0


def test_logits_that_are_no_numbers_fail_their_utterance_alone(make_engine, owner, recogniser):
    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    outcomes = {level: [] for level in (0.1, np.nan, 0.3)}
    tickets = {level: engine.open(answers.append) for level, answers in outcomes.items()}
    for level, ticket in tickets.items():
        engine.submit(ticket, block(level))
    owner.run_until(lambda: all(outcomes.values()))
    assert owner.batch_sizes == [3]
    kinds = [type(answers[0]) for answers in outcomes.values()]
    assert kinds == [Scores, RecogniserFailed, Scores]


def test_who_raises_when_told_does_not_keep_the_others_from_being_told(
    make_engine, owner, recogniser, caplog
):
    def raises(_outcome):
        raise RuntimeError("it cannot be told")

    engine = make_engine(recogniser, max_wait_ms=1_000.0)
    outcomes = []
    tickets = [engine.open(told) for told in (raises, outcomes.append)]
    for ticket in tickets:
        engine.submit(ticket, block(0.1))
    owner.run_until(lambda: owner.batch_sizes)
    assert [type(outcome) for outcome in outcomes] == [Scores]
    assert "it cannot be told" in caplog.text


def test_audio_that_waited_too_long_is_discarded_by_name(make_engine, owner, recogniser):
    engine = make_engine(
        recogniser, interim_backlog_s=0.05, refuse_backlog_s=0.1, discard_backlog_s=0.2
    )
    recogniser.is_open.clear()
    outcomes = []
    ticket = engine.open(outcomes.append)
    engine.submit(ticket, block(0.1))
    owner.wait_for(recogniser.entered)
    engine.submit(ticket, block(0.2))
    engine.submit(ticket, block(0.3))
    deadline_s = time.monotonic() + 20
    while engine.backlog_s <= 0.2:
        assert time.monotonic() < deadline_s
    recogniser.is_open.set()
    owner.run_until(lambda: len(outcomes) == 2)
    assert isinstance(outcomes[0], Scores)
    assert isinstance(outcomes[1], Overloaded)
    assert engine.backlog_s == 0
    assert recogniser.batches == [1]


def test_a_dropped_utterance_is_not_answered(make_engine, owner, recogniser):
    engine = make_engine(recogniser)
    recogniser.is_open.clear()
    outcomes, others = [], []
    ticket, other = engine.open(outcomes.append), engine.open(others.append)
    engine.submit(ticket, block(0.1))
    engine.submit(ticket, block(0.2))
    engine.drop(ticket)
    engine.submit(ticket, block(0.3))
    engine.submit(other, block(0.4))
    recogniser.is_open.set()
    owner.run_until(lambda: others)
    assert outcomes == []
    assert engine.backlog_s == 0


def test_answered_audio_is_let_go_though_nobody_asks_for_the_backlog(
    make_engine, owner, recogniser
):
    engine = make_engine(recogniser)
    outcomes = []
    ticket = engine.open(outcomes.append)
    windows = [block(0.1) for _ in range(20)]
    alive = [weakref.ref(window) for window in windows]
    while windows:
        engine.submit(ticket, windows.pop())
    engine.end(ticket)
    owner.run_until(lambda: len(outcomes) == 20)
    assert [ref for ref in alive if ref() is not None] == []


def test_answered_audio_is_let_go_though_an_older_block_still_waits(owner, make_engine, recogniser):
    """Under overload those who began last wait while all others are answered."""
    engine = make_engine(recogniser, max_batch=1)
    recogniser.is_open.clear()
    first = engine.open(lambda _: None)
    engine.submit(first, block(0.1))
    owner.wait_for(recogniser.entered)
    last = engine.open(lambda _: None)
    last.rank = first.rank + 3_600.0
    engine.submit(last, block(0.2))
    windows = [block(0.3) for _ in range(10)]
    alive = [weakref.ref(window) for window in windows]
    answers = []
    ticket = engine.open(answers.append)
    while windows:
        engine.submit(ticket, windows.pop())
    dropped, window = engine.open(lambda _: None), block(0.4)
    alive.append(weakref.ref(window))
    engine.submit(dropped, window)
    del window
    engine.drop(dropped)
    assert alive.pop()() is None
    recogniser.is_open.set()
    owner.run_until(lambda: len(answers) == 9)
    # The tenth is with the model.
    assert len([ref for ref in alive if ref() is not None]) <= 1
    assert last.blocks


def test_stopping_ends_the_thread_whatever_waits(make_engine, owner, recogniser):
    before = threading.active_count()
    engine = make_engine(recogniser)
    recogniser.is_open.clear()
    ticket = engine.open(lambda _: None)
    for _ in range(5):
        engine.submit(ticket, block(0.1))
    owner.wait_for(recogniser.entered)
    assert threading.active_count() == before + 1
    recogniser.is_open.set()
    engine.stop()
    assert threading.active_count() == before


def test_a_model_can_be_warm_for_few_and_still_take_many(owner, store):
    recogniser = store["gru"].new_recogniser()
    settings = EngineSettings(max_batch=64, own_thread_ms=1_000)
    engine = Engine(recogniser, settings, owner.posted.put, owner.call_later, owner)
    engine.start(warm_batch=8)
    assert max(recogniser._steps) == 8
    outcomes = []
    for ticket in [engine.open(outcomes.append) for _ in range(20)]:
        engine.submit(ticket, block(0.1))
    owner.run_until(lambda: len(outcomes) == 20)
    engine.stop()
    assert owner.batch_sizes == [20]
    assert all(isinstance(outcome, Scores) for outcome in outcomes)


@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_model_is_warm_at_every_size_before_the_first_block(make_engine, owner, store, size):
    engine = make_engine(store["gru"].new_recogniser(), max_batch=size)
    planned = set(engine._recogniser._steps)
    for ticket in [engine.open(lambda _: None) for _ in range(size)]:
        engine.submit(ticket, block(0.1))
        engine.end(ticket)
    owner.run_until(lambda: sum(owner.batch_sizes) == size)
    # What came first may have gone alone: whatever the sizes were, none had to be planned.
    assert set(engine._recogniser._steps) == planned
    assert planned == {1 << n for n in range((size - 1).bit_length() + 1)}


class SometimesSlow(SmallRecogniser):
    """Takes a tenth of a second for each step but every ``quick_every``th."""

    def __init__(self, card, quick_every):
        super().__init__(card)
        self.quick_every, self.steps = quick_every, 0

    def step(self, windows, states):
        self.steps += 1
        if self.steps % self.quick_every:
            time.sleep(0.1)
        return super().step(windows, states)


@pytest.mark.parametrize(("quick_every", "is_owner"), [(3, True), (100, False)])
def test_a_busy_machine_does_not_make_a_quick_model_a_slow_one(owner, store, quick_every, is_owner):
    recogniser = SometimesSlow(store["gru"].card, quick_every)
    settings = EngineSettings(max_batch=1, own_thread_ms=50)
    engine = Engine(recogniser, settings, owner.posted.put, owner.call_later, owner)
    engine.start()
    assert engine._worker.is_owner == is_owner
    engine.stop()
