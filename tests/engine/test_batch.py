"""Who goes into a batch, and who is given up when not everybody can."""

import numpy as np

from intone.engine import batch as batch_module
from intone.engine.batch import Batch, Block, Ticket, Waiting

WINDOW = np.zeros(1, np.float32)


def waiting_since(**arrived_s):
    """Utterances a, b, c …, begun in this order, whose oldest block arrived then."""
    waiting, tickets = Waiting(), {}
    for rank, (name, arrival_s) in enumerate(arrived_s.items(), start=1):
        ticket = tickets[name] = Ticket(lambda _: None, WINDOW)
        ticket.rank = rank
        ticket.blocks.append(Block(WINDOW, arrival_s))
        ticket.is_ready = True
    # However they come to wait.
    for name in sorted(tickets, key=lambda name: arrived_s[name]):
        waiting.note_arrival(tickets[name].blocks[0])
        waiting.push(tickets[name])
    return waiting, tickets


def names(tickets, some):
    return "".join(name for name, ticket in tickets.items() if ticket in some)


def test_chance_decides_among_those_who_begin_together_and_no_others(monkeypatch):
    asked = []
    monkeypatch.setattr(batch_module.random, "uniform", lambda *span: asked.append(span) or span[0])
    monkeypatch.setattr(batch_module.time, "monotonic", lambda: 100.0)
    luckiest_later = Ticket(lambda _: None, WINDOW)
    assert asked == [(0, batch_module._RANK_SPREAD_S)]
    monkeypatch.setattr(batch_module.random, "uniform", lambda _, most: most)
    monkeypatch.setattr(
        batch_module.time, "monotonic", lambda: 100.0 - 1.1 * batch_module._RANK_SPREAD_S
    )
    unluckiest_earlier = Ticket(lambda _: None, WINDOW)
    assert unluckiest_earlier.rank < luckiest_later.rank


def test_who_began_first_goes_first():
    waiting, tickets = waiting_since(a=3.0, b=1.0, c=2.0)
    batch = Batch([], [], [])
    waiting.fill(batch, 2)
    assert names(tickets, batch.tickets) == "ab"
    assert not tickets["a"].is_ready
    assert tickets["c"].is_ready
    assert waiting.head is tickets["c"]


def test_company_is_waited_for_from_the_first_arrival_whoever_goes_first():
    waiting, tickets = waiting_since(a=3.0, b=1.0, c=2.0)
    assert waiting.oldest_arrived_s == 1.0
    waiting.remove(tickets["b"])
    tickets["b"].blocks[0].is_waiting = False
    assert waiting.oldest_arrived_s == 2.0


def test_an_end_goes_alone_and_next():
    waiting, tickets = waiting_since(a=1.0, b=1.0, c=1.0)
    tickets["b"].blocks[0].window = None
    batches = []
    while waiting:
        batch = Batch([], [], [])
        waiting.fill(batch, 8)
        batches.append(names(tickets, batch.tickets))
    assert batches == ["a", "b", "c"]


def test_who_waits_too_long_while_others_go_first_is_given_up():
    waiting, tickets = waiting_since(a=1.0, b=9.0, c=1.0, d=9.0, e=1.0)
    batch = Batch([], [], [])
    waiting.fill(batch, 2)
    assert names(tickets, waiting.take_late(batch, oldest_s=5.0)) == "ce"
    assert names(tickets, batch.tickets) == "ab", "a is late too, and may catch up now"
    assert len(waiting) == 1
    assert waiting.head is tickets["d"]


def test_where_all_are_late_together_the_last_to_begin_is_given_up():
    waiting, tickets = waiting_since(a=1.0, b=1.0, c=1.0, d=9.0)
    batch = Batch([], [], [])
    waiting.fill(batch, 8)
    assert names(tickets, waiting.take_late(batch, oldest_s=5.0)) == "c"
    assert names(tickets, batch.tickets) == "abd"


def test_nobody_is_given_up_in_time():
    waiting, _ = waiting_since(a=6.0, b=7.0)
    batch = Batch([], [], [])
    waiting.fill(batch, 1)
    assert waiting.take_late(batch, oldest_s=5.0) == []


def test_who_is_dropped_waits_no_longer():
    waiting, tickets = waiting_since(a=1.0, b=1.0)
    waiting.remove(tickets["a"])
    assert waiting.head is tickets["b"]
    assert len(waiting) == 1
