"""A watched connection on a clock of its own: who is asked, who is let go, and when."""

from __future__ import annotations

import heapq
import itertools

import pytest

from intone.web.watch import HEARTBEAT_S, Watch

DEAD_S = 1.5 * HEARTBEAT_S


class Timer:
    def __init__(self, callback):
        self.callback, self.is_called_off = callback, False

    def cancel(self):
        self.is_called_off = True


class Connection:
    """A clock with its timers, and what the watch did at which time."""

    def __init__(self, idle_timeout_s, pongs=False):
        self.now_s = 100.0
        self.did = []
        self._pongs = pongs
        self._timers, self._order = [], itertools.count()
        self.watch = Watch(
            idle_timeout_s,
            ping=self._ping,
            on_idle=lambda: self._note("idle"),
            on_dead=lambda: self._note("dead"),
            clock=lambda: self.now_s,
            call_later=self._call_later,
        )

    def _note(self, what):
        self.did.append((what, round(self.now_s - 100.0, 3)))

    def _ping(self):
        self._note("ping")
        if self._pongs:
            self.watch.frame()

    def _call_later(self, delay_s, callback):
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now_s + delay_s, next(self._order), timer))
        return timer

    def pass_to(self, seconds):
        """Let time pass up to so many seconds from the beginning."""
        while self._timers and self._timers[0][0] <= 100.0 + seconds:
            self.now_s, _, timer = heapq.heappop(self._timers)
            if not timer.is_called_off:
                timer.callback()
        self.now_s = 100.0 + seconds


def test_a_silent_client_is_asked_and_let_go_half_as_long_after():
    connection = Connection(idle_timeout_s=1_000)
    connection.pass_to(HEARTBEAT_S - 0.1)
    assert connection.did == []
    connection.pass_to(DEAD_S - 0.1)
    assert connection.did == [("ping", HEARTBEAT_S)]
    connection.pass_to(5_000)
    assert connection.did == [("ping", HEARTBEAT_S), ("dead", DEAD_S)]


def test_who_answers_is_asked_again_and_is_idle_all_the_same():
    connection = Connection(idle_timeout_s=70, pongs=True)
    connection.pass_to(5_000)
    assert connection.did == [("ping", 20), ("ping", 40), ("ping", 60), ("idle", 70)]


@pytest.mark.parametrize("after_s", [5, HEARTBEAT_S + 5])
def test_a_message_counts_from_when_it_came(after_s):
    connection = Connection(idle_timeout_s=1_000)
    connection.pass_to(after_s)
    asked = list(connection.did)
    connection.watch.message(connection.now_s)
    connection.pass_to(after_s + HEARTBEAT_S - 0.1)
    assert connection.did == asked
    connection.pass_to(after_s + HEARTBEAT_S)
    assert connection.did == [*asked, ("ping", after_s + HEARTBEAT_S)]


def test_messages_keep_a_session_open_and_ask_for_nothing():
    connection = Connection(idle_timeout_s=10)
    for second in range(0, 300, 9):
        connection.pass_to(second)
        connection.watch.message(connection.now_s)
    assert connection.did == []
    connection.pass_to(5_000)
    assert connection.did == [("idle", 297 + 10)]


def test_who_is_not_read_is_not_judged():
    connection = Connection(idle_timeout_s=10)
    connection.watch.is_reading = False
    connection.pass_to(500)
    assert connection.did == []
    connection.watch.is_reading = True
    connection.pass_to(5_000)
    assert [what for what, _ in connection.did] == ["idle"]
    assert 500 < connection.did[0][1] <= 510


def test_nothing_is_watched_after_the_end():
    connection = Connection(idle_timeout_s=10)
    connection.watch.stop()
    connection.pass_to(5_000)
    assert connection.did == []
