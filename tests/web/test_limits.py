"""Limits and overload: each is told with its code, and what was heard is answered."""

import asyncio
import json
import socket as sockets
import time

import aiohttp
import pytest
import talk
import websockets
from small_recogniser import SmallModel

from intone.engine.live import LiveSession
from intone.models import ModelStore
from intone.web import session
from intone.web.watch import Watch

SILENT_SECOND = bytes(32_000)

FLOOD = {"max_messages_per_s": 1e6}
"""What the outbox is for comes after many answers: read the questions as fast as can be."""


async def get(url):
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        text = await response.text()
        return response.status, response.headers, text


async def refusal(url):
    """The HTTP answer to a session that may not begin."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with talk.connect(url):
            pass
    response = caught.value.response
    return response.status_code, response.headers, json.loads(response.body)["error"]


def metric(local, line):
    """The value of one line of /metrics."""
    return talk.value_of(local.server.metrics.render().decode(), line)


def assert_ended(messages, code, *, retryable):
    error = talk.of_type(messages, "error")[-1]
    assert (error["code"], error["retryable"]) == (code, retryable)
    assert messages[-1]["type"] == "session.closed"
    assert messages[-1]["reason"] == code


# --- one client's limits ------------------------------------------------------------------


async def test_audio_faster_than_allowed_is_told_before_the_close(serve, male_wav):
    data = talk.pcm_of(male_wav)
    async with serve(limits={"max_rate": 1.0, "max_rate_burst_s": len(data) / 32_000}) as local:
        async with talk.connect(local.url) as socket:
            await socket.send(data)
            await socket.send(SILENT_SECOND)
            messages = await talk.receive_all(socket)
        assert socket.close_code == 1008
        assert_ended(messages, "rate_limited", retryable=True)
        # What came in time is answered; what came too fast is not counted as received.
        assert talk.of_type(messages, "utterance.result")
        assert messages[-1]["received"]["bytes"] == len(data)
        assert metric(local, 'intone_errors_total{code="rate_limited"}') == 1


async def test_silence_on_the_line_ends_the_session(serve):
    async with serve(limits={"idle_timeout_s": 0.2}) as local:
        async with talk.connect(local.url) as socket:
            messages = await talk.receive_all(socket)
        assert socket.close_code == 1001
        assert_ended(messages, "idle_timeout", retryable=True)


async def test_messages_and_audio_are_told_to_the_watch_and_pongs_apart(serve, monkeypatch):
    """What it makes of them, test_watch.py has on a clock of its own."""
    told = []

    class Told(Watch):
        def message(self, now_s):
            told.append("message")
            super().message(now_s)

        def frame(self):
            told.append("frame")
            super().frame()

    monkeypatch.setattr(session, "Watch", Told)
    async with serve() as local, talk.connect(local.url) as socket:
        await talk.receive(socket)
        assert told == []
        await talk.say(socket, "ping")
        await talk.receive(socket)
        assert told == ["message"]
        await socket.send(SILENT_SECOND)
        await talk.say(socket, "ping")
        await talk.receive(socket)
        assert told == ["message"] * 3
        await socket.pong()
        await talk.until(lambda: len(told) == 4)
        assert told[-1] == "frame"


async def test_a_session_lasts_no_longer_than_allowed(serve, male_wav):
    async with serve(limits={"max_session_s": 0.3}) as local:
        async with talk.connect(local.url) as socket:
            await socket.send(talk.pcm_of(male_wav)[:48_000])
            messages = await talk.receive_all(socket)
        assert socket.close_code == 1001
        assert_ended(messages, "session_too_long", retryable=True)
        result = talk.of_type(messages, "utterance.result")[0]
        assert result["reason"] == "end_of_stream"


async def test_a_client_that_never_reads_is_let_go(serve):
    async with serve(limits={"send_timeout_s": 0.3, **FLOOD}) as local:
        narrow = sockets.socket()
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", int(local.url.rpartition(":")[2])))
        socket = await talk.connect(local.url, sock=narrow)
        ping = json.dumps({"type": "ping", "marker": "m" * 1_000})

        async def flood():
            while True:
                await socket.send(ping)
                await asyncio.sleep(0)

        with pytest.raises((websockets.ConnectionClosed, ConnectionError)):
            await asyncio.wait_for(flood(), talk.DEADLINE_S)
        await talk.until(lambda: not local.server.sessions)
        assert metric(local, 'intone_errors_total{code="slow_consumer"}') == 1
        assert metric(local, 'intone_connections_active{protocol="intone.v1"}') == 0
        socket.transport.abort()
        assert (await talk.hear(local.url, SILENT_SECOND))[-1]["reason"] == "client"


async def test_a_slow_client_that_reads_after_all_is_told_why(serve):
    async with serve(limits={"send_timeout_s": 2.0, **FLOOD}) as local:
        # 16 messages of the client's own, then the sockets, then the server's queue.
        async with talk.connect(local.url, max_queue=16) as socket:
            await talk.receive(socket)
            (session,) = local.server.sessions
            ping = json.dumps({"type": "ping", "marker": "m" * 1_000})

            async def flood():
                while True:
                    await socket.send(ping)
                    await asyncio.sleep(0)

            flooding = asyncio.create_task(flood())
            await talk.until(session._ending.done)
            flooding.cancel()
            messages = await talk.receive_all(socket)
        assert socket.close_code == 1008
        assert_ended(messages, "slow_consumer", retryable=True)


async def test_a_client_that_is_slow_to_read_pongs_is_told_the_end(serve):
    async with serve(limits=FLOOD) as local:
        narrow = sockets.socket()
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
        narrow.connect(("127.0.0.1", int(local.url.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=4_096)
        writer.write(talk.UPGRADE)
        await talk.until(lambda: local.server.sessions)
        (session,) = local.server.sessions

        async def flood():
            while True:
                writer.write((b"\x89\xfd\0\0\0\0" + bytes(125)) * 100)
                await writer.drain()
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        # A pong waits for the client to read.
        await talk.until(lambda: session._socket._req.protocol._drain_waiter is not None)
        flooding.cancel()
        session.stop()
        said = await asyncio.wait_for(reader.read(), talk.DEADLINE_S)
        assert b'"reason":"server_shutdown"' in said[-1_000:]
        writer.close()


async def test_a_long_marker_is_refused(serve):
    async with serve() as local, talk.connect(local.url) as socket:
        await talk.receive(socket)
        await talk.say(socket, "ping", marker="m" * 1_025)
        assert (await talk.receive(socket))["code"] == "invalid_message"


async def test_a_sample_at_a_time_is_read_more_slowly_and_heard_whole(serve, male_wav):
    """Nothing is refused and nothing lost; meanwhile the others are served as ever."""
    data = talk.pcm_of(male_wav)[:32_000]
    async with serve(limits={"max_messages_per_s": 4_000}) as local:
        whole = await talk.hear(local.url, data, query="?interim_ms=0")
        assert metric(local, "intone_clients_slowed_total") == 0
        async with talk.connect(local.url, "?interim_ms=0") as socket:
            for start in range(0, len(data), 2):
                await socket.send(data[start : start + 2])
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
        assert talk.utterance_events(messages) == talk.utterance_events(whole)
        assert metric(local, "intone_clients_slowed_total") > 0


async def test_a_flood_of_refused_messages_is_read_more_slowly_too(serve):
    async with serve(limits={"max_messages_per_s": 1_000}) as local:
        async with talk.connect(local.url) as socket:
            for _ in range(500):
                await socket.send(b"\0")
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
        errors = talk.of_type(messages, "error")
        assert [error["code"] for error in errors] == ["invalid_audio_frame"] * 500
        assert metric(local, "intone_clients_slowed_total") > 0


async def pinged(url, count):
    """Send so many pings of the WebSocket layer at once; return how long the last answer took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    started_s = time.monotonic()
    writer.write(talk.UPGRADE.replace(b"/v1/stream", b"/v1/stream?auth=message"))
    writer.write(b"\x89\x84\0\0\0\0ping" * count)
    said = b""
    while said.count(b"\x8a\x04ping") < count:
        said += await asyncio.wait_for(reader.readexactly(1), talk.DEADLINE_S)
    writer.close()
    await writer.wait_closed()
    return time.monotonic() - started_s


@pytest.mark.parametrize("tokens", [(), ("t",)], ids=["open", "before the token"])
async def test_a_flood_of_pings_is_read_more_slowly_too(serve, tokens):
    async with serve(limits={"max_messages_per_s": 1_000}, tokens=tokens) as local:
        # A hundred come at once, the others at a thousand a second.
        assert await pinged(local.url, 500) > 0.3


# --- all of them together -----------------------------------------------------------------


async def test_sessions_over_the_limit_are_refused_before_the_upgrade(serve):
    async with serve(limits={"max_sessions": 1}) as local:
        async with talk.connect(local.url) as first:
            await talk.receive(first)
            status, headers, error = await refusal(local.url)
            assert (status, error["code"], error["retryable"]) == (503, "overloaded", True)
            assert int(headers["Retry-After"]) > 0
            assert metric(local, 'intone_connections_rejected_total{reason="overloaded"}') == 1
            # Whoever deals out sessions is told before it sends one here.
            status, _, body = await get(f"{local.url}/readyz")
            assert (status, body) == (503, '{"status":"serving"}')
        await talk.until(lambda: not local.server.sessions)
        assert (await get(f"{local.url}/readyz"))[0] == 200
        async with talk.connect(local.url) as second:
            assert (await talk.receive(second))["type"] == "session.created"


@pytest.fixture
def held(store):
    return SmallModel(store["gru"].card)


async def test_overload_drops_interims_then_refuses_then_discards(serve, held, male_wav):
    data = talk.pcm_of(male_wav)
    backlogs = {"interim_backlog_s": 0.01, "refuse_backlog_s": 0.2, "discard_backlog_s": 1.0}
    async with serve(models=ModelStore({"gru": held}), engine=backlogs) as local:
        engine = local.server.engine("gru")
        async with talk.connect(local.url, "?interim_ms=100") as socket:
            held.recogniser.is_open.clear()
            await socket.send(data)
            # 1. Behind by more than the second limit, within the third: newcomers wait.
            await talk.until(lambda: engine.backlog_s > 0.2)
            status, _, error = await refusal(local.url)
            assert (status, error["code"]) == (503, "overloaded")
            assert metric(local, 'intone_stream_lag_seconds{model="gru"}') > 0.2
            held.recogniser.is_open.set()
            messages = await talk.receive_until(socket, "utterance.result")
            # 2. Caught up: the result is whole, but interims were left out.
            assert metric(local, "intone_interims_dropped_total") > 0
            # 3. Behind by more than the third limit: the utterance goes, by name.
            held.recogniser.is_open.clear()
            await socket.send(data)
            await talk.until(lambda: engine.backlog_s > 1.0)
            held.recogniser.is_open.set()
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
        discarded = talk.of_type(messages, "utterance.discarded")
        assert [m["reason"] for m in discarded] == ["overloaded"]
        assert not talk.of_type(messages, "utterance.result")
        assert metric(local, 'intone_utterances_total{end_reason="overloaded"}') == 1


async def test_no_more_is_read_than_may_come_at_once_while_the_engine_is_behind(
    serve, held, male_wav
):
    data = talk.pcm_of(male_wav)[:64_000] * 10
    limits = {"max_rate": 1e6, "max_rate_burst_s": 1.0}
    async with serve(models=ModelStore({"gru": held}), limits=limits) as local:
        async with talk.connect(local.url, "?interim_ms=0") as socket:
            await talk.receive(socket)
            (stream,) = local.server.sessions
            held.recogniser.is_open.clear()
            for at in range(0, len(data), 6_400):
                await socket.send(data[at : at + 6_400])
            await talk.until(lambda: stream._is_behind)
            # It has every turn that it could want.
            for _ in range(500):
                await asyncio.sleep(0)
            received_s = metric(local, 'intone_audio_received_seconds_total{protocol="intone.v1"}')
            assert received_s < len(data) / 32_000 / 4
            held.recogniser.is_open.set()
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
        assert messages[-1]["received"]["bytes"] == len(data)


async def test_how_long_a_result_took_is_told_in_ms_and_counted_in_s(serve, held, male_wav):
    data = talk.pcm_of(male_wav)
    async with serve(models=ModelStore({"gru": held})) as local:
        async with talk.connect(local.url, "?interim_ms=0") as socket:
            await talk.receive(socket)
            held.recogniser.is_open.clear()
            sent_s = time.monotonic()
            await socket.send(data)
            await talk.say(socket, "session.close")
            await talk.until(lambda: time.monotonic() - sent_s > 0.3)
            held_s = time.monotonic() - sent_s
            held.recogniser.is_open.set()
            messages = await talk.receive_all(socket)
            took_s = time.monotonic() - sent_s
        (result,) = talk.of_type(messages, "utterance.result")
        # From the audio that ended it, which was not read before it was sent.
        assert 0.5 * held_s < result["latency_ms"] / 1_000 <= took_s
        counted_s = metric(local, "intone_result_latency_seconds_sum")
        assert counted_s == pytest.approx(result["latency_ms"] / 1_000, abs=1e-4)


async def test_lag_is_told_while_the_engine_is_behind(serve, held, male_wav):
    data = talk.pcm_of(male_wav)
    models = ModelStore({"gru": held})
    async with serve(models=models) as local, talk.connect(local.url) as socket:
        held.recogniser.is_open.clear()
        await socket.send(data)
        await talk.say(socket, "ping", marker="behind")
        pong = (await talk.receive_until(socket, "pong"))[-1]
        assert pong["received_ms"] == len(data) // 32
        assert 1_000 < pong["lag_ms"] <= pong["received_ms"]
        held.recogniser.is_open.set()


async def test_a_failing_model_is_told_and_the_session_goes_on(serve, held, two_utterances_wav):
    data = talk.pcm_of(two_utterances_wav)
    async with serve(models=ModelStore({"gru": held})) as local:
        async with talk.connect(local.url, "?interim_ms=0") as socket:
            await talk.receive(socket)
            held.recogniser.fails_on = {0.0}
            await socket.send(data[:80_000])
            messages = await talk.receive_until(socket, "utterance.discarded")
            assert [m["type"] for m in messages[-3:]] == [
                "utterance.started",
                "error",
                "utterance.discarded",
            ]
            error, discarded = messages[-2:]
            assert (error["code"], error["retryable"]) == ("recogniser_failed", True)
            assert discarded["reason"] == "failed"
            held.recogniser.fails_on = set()
            await socket.send(data[80_000:])
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
        assert [m["utterance_id"] for m in talk.of_type(messages, "utterance.result")] == [2]


class BrokenDetector:
    """A voice detector that breaks off in the middle of speech."""

    def __init__(self, _):
        self.left = 60

    def detect(self, frames):
        self.left -= len(frames)
        if self.left <= 0:
            raise ZeroDivisionError("a detector that fails")
        return [True] * len(frames)


async def test_a_fault_of_ours_ends_the_session_in_good_order(serve, male_wav, caplog):
    async with serve() as local:
        local.server.make_detector = BrokenDetector
        async with talk.connect(local.url) as socket:
            await socket.send(talk.pcm_of(male_wav)[:32_000])
            messages = await talk.receive_until(socket, "utterance.started")
            await socket.send(talk.pcm_of(male_wav)[32_000:48_000])
            messages += await talk.receive_all(socket)
        assert socket.close_code == 1011
        assert_ended(messages, "internal_error", retryable=False)
        assert "ZeroDivision" not in str(messages)
        assert "a detector that fails" in caplog.text
        # What came before the fault has been received all the same.
        assert messages[-1]["received"]["bytes"] >= 32_000
        started = talk.of_type(messages, "utterance.started")
        ended = [m for m in messages if m["type"] in ("utterance.result", "utterance.discarded")]
        assert [m["utterance_id"] for m in started] == [1]
        assert [m["utterance_id"] for m in ended] == [1]


async def test_a_fault_of_ours_while_it_finishes_is_not_told_as_a_good_end(
    serve, male_wav, monkeypatch, caplog
):
    def broken(_):
        raise ZeroDivisionError("an end that fails")

    caplog.set_level("INFO")
    async with serve() as local:
        async with talk.connect(local.url) as socket:
            await socket.send(talk.pcm_of(male_wav)[:48_000])
            messages = await talk.receive_until(socket, "utterance.started")
            monkeypatch.setattr(LiveSession, "finish", broken)
            await talk.say(socket, "session.close")
            messages += await talk.receive_all(socket)
        assert socket.close_code == 1011
        assert_ended(messages, "internal_error", retryable=False)
        assert talk.of_type(messages, "utterance.discarded")[0]["reason"] == "failed"
        assert metric(local, 'intone_errors_total{code="internal_error"}') == 1
        await talk.until(lambda: "session ended" in caplog.text)
    (ended,) = (record for record in caplog.records if record.message == "session ended")
    assert ended.reason == "internal_error"
    assert "an end that fails" in caplog.text


async def test_a_place_is_not_lost_to_a_count_that_fails(serve, monkeypatch):
    """Several workers count in files, which may not open."""

    def broken(*_):
        raise OSError(24, "Too many open files")

    async with serve() as local:
        monkeypatch.setattr(local.server.metrics.connections_active, "labels", broken)
        with pytest.raises(OSError, match="Too many"), local.server.session_place("intone.v1"):
            pass
        assert not local.server.is_occupied


# --- the end of the server ----------------------------------------------------------------


async def test_draining_answers_what_was_heard_and_refuses_newcomers(serve, held, male_wav):
    async with serve(models=ModelStore({"gru": held})) as local:
        sockets_open = [await talk.connect(local.url) for _ in range(4)]
        for socket in sockets_open:
            await socket.send(talk.pcm_of(male_wav)[:48_000])
            await talk.receive_until(socket, "utterance.started")
        held.recogniser.is_open.clear()
        await sockets_open[0].send(talk.pcm_of(male_wav)[48_000:64_000])
        drain = asyncio.create_task(local.server.drain())
        await talk.until(lambda: local.server.phase.value == "draining")
        assert (await get(f"{local.url}/readyz"))[0] == 503
        assert (await get(f"{local.url}/healthz"))[0] == 200
        status, headers, error = await refusal(local.url)
        assert (status, error["code"]) == (503, "shutting_down")
        assert "Retry-After" in headers
        held.recogniser.is_open.set()
        for socket in sockets_open:
            messages = await talk.receive_all(socket)
            assert socket.close_code == 1001
            assert talk.of_type(messages, "utterance.result")[0]["reason"] == "end_of_stream"
            assert messages[-1]["reason"] == "server_shutdown"
        await asyncio.wait_for(drain, talk.DEADLINE_S)
        assert not local.server.sessions


async def test_a_drain_is_bounded_and_names_what_it_gave_up(serve, held, male_wav):
    limits = {"drain_s": 0.3}
    async with serve(models=ModelStore({"gru": held}), limits=limits) as local:
        async with talk.connect(local.url) as socket:
            held.recogniser.is_open.clear()
            await socket.send(talk.pcm_of(male_wav)[:48_000])
            await talk.receive_until(socket, "utterance.started")
            drain = asyncio.create_task(local.server.drain())
            messages = await talk.receive_all(socket)
            assert socket.close_code == 1001
        assert talk.of_type(messages, "utterance.discarded")[0]["reason"] == "overloaded"
        assert messages[-1]["reason"] == "server_shutdown"
        await drain
        held.recogniser.is_open.set()
