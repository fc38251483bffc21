"""The small parts of a session that need no socket."""

import asyncio
import re
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec import UNSET

from intone.errors import InvalidUpdate, RateLimited, SettingsError, SlowConsumer
from intone.models import ModelStore
from intone.settings import LimitSettings, ServerSettings, SessionSettings
from intone.types import Decision, Encoding, EndReason, UtteranceResult
from intone.web import outbox as outbox_module
from intone.web.collector import sparing_collections
from intone.web.config import Negotiation
from intone.web.first_request import watched
from intone.web.http_input import PacedRunner
from intone.web.metrics import Metrics
from intone.web.outbox import Outbox
from intone.web.rate import MessagePacer, RateLimiter
from intone.web.serve import new_runner
from intone.web.server import Phase, Server
from intone.web.slow_readers import aborted
from intone.web.stream import _run
from intone.web.translate import event, query_wishes


@pytest.fixture
def negotiation(store):
    return Negotiation("gru", 500, store)


def test_a_query_is_read_by_its_names():
    query = {"encoding": "alaw", "sample_rate": "8000", "channels": "2", "interim_ms": "0"}
    assert query_wishes({**query, "model": "gru", "other": "1"}) == {
        "encoding": "alaw",
        "sample_rate_hz": 8_000,
        "channels": 2,
        "interim_ms": 0,
        "model": "gru",
    }


@pytest.mark.parametrize("text", ["", "8e3", "8_000", " 8000", "٨٠٠٠", "-1", "9" * 30])
def test_what_is_no_plain_number_stays_text(text):
    assert query_wishes({"sample_rate": text}) == {"sample_rate_hz": text}


def test_a_query_is_taken_field_by_field(negotiation):
    wishes = {"encoding": "alaw", "sample_rate_hz": 1, "channels": 2}
    errors = negotiation.apply(wishes, all_or_nothing=False)
    assert len(errors) == 1
    assert negotiation.refused == {"sample_rate_hz"}
    assert negotiation.config.audio.encoding is Encoding.ALAW
    assert negotiation.config.audio.channels == 2
    assert negotiation.config.audio.sample_rate_hz == 16_000


def test_an_update_is_taken_whole_or_not(negotiation):
    before = negotiation.config
    wishes = {"encoding": "alaw", "sample_rate_hz": 1}
    assert len(negotiation.apply(wishes, all_or_nothing=True)) == 1
    assert negotiation.config == before
    assert not negotiation.apply({"sample_rate_hz": 8_000}, all_or_nothing=True)
    assert negotiation.refused == set()


def test_an_unreadable_update_is_remembered_until_a_good_one(negotiation):
    negotiation.refuse_update(InvalidUpdate("?"))
    assert negotiation.refused
    assert not negotiation.apply({}, all_or_nothing=True)
    assert not negotiation.refused


def test_what_audio_needs_first_is_said_in_a_sentence(negotiation):
    assert negotiation.needs is None
    negotiation.refuse_update(InvalidUpdate("?"))
    assert negotiation.needs == "audio needs a session.update that can be read"
    negotiation.apply({"sample_rate_hz": 1, "encoding": "mp3"}, all_or_nothing=True)
    expected = "audio needs a session.update that sets encoding, sample_rate_hz right"
    assert negotiation.needs == expected


@pytest.mark.parametrize(("latency_s", "told"), [(0.0123, 12.3), (2.0, 2_000.0), (None, UNSET)])
def test_a_latency_is_told_in_ms(latency_s, told):
    sure = Decision("sad", 0.9, {"sad": 0.9, "calm": 0.1})
    result = UtteranceResult(3, 1, 200, 900, EndReason.FLUSH, sure, sure, "gru", 2)
    message = event(result, latency_s)
    assert message.latency_ms == told
    assert (message.utterance_id, message.channel, message.continues) == (3, 1, 2)


def test_a_message_may_hold_no_more_than_may_come_at_once():
    assert LimitSettings(max_frame_s=10, max_rate_burst_s=2).longest_frame_s == 2
    assert LimitSettings(max_frame_s=1, max_rate_burst_s=2).longest_frame_s == 1


@pytest.mark.parametrize("phase", Phase)
async def test_a_stop_that_begins_during_the_upgrade_ends_the_session(phase):
    class Session:
        is_stopped = is_run = False

        def stop(self):
            self.is_stopped = True

        async def run(self, wishes):
            assert wishes == {"model": "gru"}
            self.is_run = True

    session, server = Session(), SimpleNamespace(sessions=set(), phase=phase)
    await _run(server, session, {"model": "gru"})
    assert session.is_run
    assert session.is_stopped == (phase is Phase.DRAINING)
    assert server.sessions == set()


def test_what_serves_alone_has_every_defence(store):
    """Each is tested by itself: first requests, slow readers, input that is slow to parse."""
    runner = new_runner(ServerSettings(), store)
    assert isinstance(runner, PacedRunner)
    started = [getattr(start, "func", start) for start in runner.app.cleanup_ctx]
    assert {sparing_collections, watched, aborted} <= set(started)
    theirs = [start for start in runner.app.cleanup_ctx if getattr(start, "func", None)]
    assert all(start.args == (runner,) for start in theirs)


def test_messages_over_the_rate_wait_and_those_under_it_do_not():
    pacer = MessagePacer(per_s=100.0, now_s=0.0)
    assert [pacer.take(0.01 * i) for i in range(1, 500)] == [0.0] * 499
    # All at once: ten are let through, then the reader rests until five more may come.
    now_s, taken, rests = 10.0, 0, []
    while len(rests) < 20:
        taken += 1
        rest_s = pacer.take(now_s)
        now_s += rest_s
        rests += [rest_s] if rest_s else []
    assert taken / (now_s - 10.0) == pytest.approx(100.0, rel=0.1)
    assert max(rests) <= 0.06


def test_large_messages_count_for_what_they_cost():
    pacer = MessagePacer(per_s=1_000.0, now_s=0.0)
    now_s = 0.0
    for _ in range(100):
        now_s += pacer.take(now_s, 1 << 20)
    # 16 MB a second, where messages of a byte would be a thousand.
    assert 100 / now_s == pytest.approx(1_000 / 65, rel=0.1)


def test_what_is_taken_at_once_is_what_would_not_wait():
    rng = np.random.default_rng(1)
    alone, direct = (MessagePacer(per_s=100.0, now_s=0.0) for _ in range(2))
    now_s, waits = 0.0, []
    for _ in range(2_000):
        now_s += rng.exponential(0.009)
        size_bytes = int(rng.choice([640, 3_200, 20_000], p=[0.5, 0.45, 0.05]))
        wait_s = alone.take(now_s, size_bytes)
        # Refused, it counts nothing; the reader then takes it, and waits.
        assert direct.take_at_once(now_s, size_bytes) == (wait_s == 0)
        if wait_s:
            waits.append(wait_s)
            assert direct.take(now_s, size_bytes) == pytest.approx(wait_s)
            now_s += wait_s
    assert 10 < len(waits) < 500


def test_the_rate_limit_refills_with_time():
    limiter = RateLimiter(rate=2.0, burst_s=10.0, now_s=0.0)
    limiter.take(10.0, now_s=0.0)
    with pytest.raises(RateLimited):
        limiter.take(0.1, now_s=0.0)
    limiter.take(2.0, now_s=1.0)
    with pytest.raises(RateLimited):
        limiter.take(0.1, now_s=1.0)
    # It never holds more than the burst.
    limiter.take(10.0, now_s=1_000.0)
    with pytest.raises(RateLimited):
        limiter.take(0.1, now_s=1_000.0)


async def test_the_outbox_sends_in_order_and_says_when_it_is_empty():
    slow = []
    sent = []

    async def send(text):
        await asyncio.sleep(0)
        sent.append(text)

    outbox = Outbox(send, timeout_s=10.0, on_slow=slow.append)
    task = asyncio.create_task(outbox.run())
    for text in "abcd":
        outbox.put(text)
    await outbox.drain()
    assert sent == list("abcd")
    task.cancel()


async def test_the_outbox_is_bounded(monkeypatch):
    slow = []
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 3)
    outbox = Outbox(lambda _: asyncio.sleep(0), timeout_s=10.0, on_slow=slow.append)
    for text in "abc":
        outbox.put(text)
    assert not slow
    outbox.put("d")
    assert [type(error) for error in slow] == [SlowConsumer]
    outbox.clear()
    outbox.put("e")


async def test_the_outbox_tells_of_a_send_that_hangs_and_does_not_cancel_it():
    told, go_on, sent = asyncio.Event(), asyncio.Event(), []

    async def send(text):
        await go_on.wait()
        sent.append(text)

    outbox = Outbox(send, timeout_s=0.01, on_slow=lambda _: told.set())
    task = asyncio.create_task(outbox.run())
    outbox.put("a")
    await asyncio.wait_for(told.wait(), 10)
    go_on.set()
    await outbox.drain()
    assert sent == ["a"]
    task.cancel()


async def test_the_outbox_ends_with_its_client():
    slow = []

    async def send(_):
        raise ConnectionResetError

    outbox = Outbox(send, timeout_s=10.0, on_slow=slow.append)
    outbox.put("a")
    outbox.put("b")
    await outbox.run()
    await outbox.drain()
    outbox.put("c")
    await outbox.drain()
    assert slow == []


async def test_the_only_model_is_the_default_unless_another_was_named(store):
    only = ModelStore({"lstm": store["gru"]})
    assert Server(ServerSettings(), only).default_model == "lstm"
    two = ModelStore({"lstm": store["gru"], "tcn": store["gru"]})
    with pytest.raises(SettingsError, match="'gru'"):
        Server(ServerSettings(), two)
    named = ServerSettings(session=SessionSettings(model="other"))
    with pytest.raises(SettingsError, match="'other'"):
        Server(named, only)


async def test_the_outbox_is_crowded_until_it_is_drained(monkeypatch):
    slow = []
    monkeypatch.setattr(outbox_module, "CROWDED", 2)
    outbox = Outbox(lambda _: asyncio.sleep(0), timeout_s=10.0, on_slow=slow.append)
    for text in "abc":
        assert not outbox.is_crowded
        outbox.put(text)
    assert outbox.is_crowded
    task = asyncio.create_task(outbox.run())
    await outbox.drain()
    assert not outbox.is_crowded
    task.cancel()


def test_every_metric_is_documented_with_its_labels(repo_root):
    page = (repo_root / "docs" / "protocol.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(intone_\w+)` \| ([^|]*)\|", page.partition("## Metrics")[2], re.MULTILINE
    )
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    registry = Metrics().registry
    there = {
        collector._name + "_total" * (collector._type == "counter"): collector._labelnames
        for collector in set(registry._collector_to_names)
    }
    assert documented == there
