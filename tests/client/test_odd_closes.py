"""Ends that the real server does not give on demand, by a scripted WebSocket server."""

from __future__ import annotations

import asyncio
import gc
import http
import json
import traceback
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from intone import client
from intone.client import dialling, inbox
from intone.client import stream as streaming
from intone.client.files import send_file
from intone.client.stream import Stream
from intone.client.transport import ConnectionLost
from intone.errors import (
    IntoneError,
    InvalidMessage,
    Overloaded,
    RateLimited,
    ServerUnavailable,
    SettingsError,
    ShuttingDown,
    SlowConsumer,
    Unauthorized,
    UnknownModel,
)
from intone.types import AudioFormat, UtteranceStarted

CREATED = (
    '{"type":"session.created","protocol":"intone.v1","session_id":"s","interim_ms":500,'
    '"audio":{"encoding":"s16le","sample_rate_hz":16000,"channels":1},'
    '"model":{"name":"gru","sha256":"","emotions":["sad"],"genders":["male"]},'
    '"limits":{"max_frame_ms":1000,"max_message_bytes":1048576,"max_rate":20.0,'
    '"max_rate_burst_s":30.0,"max_session_s":60.0,"idle_timeout_s":60.0}}'
)
CLOSED = (
    '{"type":"session.closed","reason":"client","received":{"audio_ms":0,"bytes":0},'
    '"produced":{"utterances":0,"interims":0,"discarded":0}}'
)
STARTED = '{"type":"utterance.started","utterance_id":%d,"channel":0,"start_ms":0}'
SOON = client.ReconnectPolicy(first_delay_s=(0.0, 0.0), max_tries=3)
DEADLINE_S = 10.0


def error(code: str) -> str:
    return f'{{"type":"error","code":"{code}","message":"no: {code}","retryable":true}}'


async def behave(connection):
    """A server that ends as asked."""
    await connection.send(CREATED)
    async for message in connection:
        if isinstance(message, str) and "session.close" in message:
            await connection.send(CLOSED)
            return


def closing(code: int, *messages: str):
    async def script(connection):
        for message in (CREATED, *messages):
            await connection.send(message)
        await connection.close(code)

    return script


async def vanish(connection):
    await connection.send(CREATED)
    await connection.send(STARTED % 4)
    connection.transport.abort()


def answering(status: int, body: str = "", **headers: str):
    """An HTTP answer instead of an upgrade."""
    found = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    found["Content-Length"] = str(len(body))
    return Response(status, http.HTTPStatus(status).phrase, found, body.encode())


@asynccontextmanager
async def scripted(*scripts):
    """A server whose n-th connection follows the n-th script, the last one for all others."""
    count = 0

    def request(connection, _request):
        nonlocal count
        connection.script = scripts[min(count, len(scripts) - 1)]
        count += 1
        return connection.script if isinstance(connection.script, Response) else None

    async def handle(connection):
        await connection.script(connection)

    async with serve(handle, "127.0.0.1", 0, process_request=request, close_timeout=0.5) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


async def collect(stream) -> list[client.StreamEvent]:
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, client.Reconnected):
            await stream.close()
    return events


async def send_for_ever(url: str) -> None:
    async with client.connect(url) as stream:
        while True:
            await stream.send(bytes(320))


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013])
async def test_a_close_that_may_pass_is_tried_again(code):
    scripts = (closing(code), behave)
    async with scripted(*scripts) as url, client.connect(url, reconnect=SOON) as stream:
        events = await asyncio.wait_for(collect(stream), DEADLINE_S)
    kinds = [type(event) for event in events]
    assert kinds == [
        client.SessionCreated,
        client.Reconnecting,
        client.Reconnected,
        client.SessionClosed,
    ]
    assert str(code) in events[1].reason
    assert (events[1].tries, events[1].delay_s) == (1, 0.0)


async def test_a_vanished_server_is_tried_again_and_the_lost_utterance_named():
    async with scripted(vanish, behave) as url, client.connect(url, reconnect=SOON) as stream:
        events = await asyncio.wait_for(collect(stream), DEADLINE_S)
    assert UtteranceStarted(4, 0, 0, None) in events
    (lost,) = [event for event in events if isinstance(event, client.Reconnecting)]
    assert lost.lost_utterances == (4,)
    assert "1006" in lost.reason


async def test_a_policy_close_is_final_and_its_error_is_raised():
    script = closing(1008, STARTED % 1, error("rate_limited"))
    async with scripted(script, behave) as url:
        seen = []

        async def see():
            async with client.connect(url, reconnect=SOON) as stream:
                async for event in stream:
                    seen.append(event)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(RateLimited, match="no: rate_limited"):
            await see()
    assert [type(event) for event in seen] == [
        client.SessionCreated,
        UtteranceStarted,
        client.ServerError,
    ]


async def test_without_a_policy_every_loss_is_final():
    async with scripted(vanish, behave) as url:
        with pytest.raises(ServerUnavailable, match="1006"):
            async with client.connect(url) as stream:
                await collect(stream)


async def test_what_ended_the_session_is_also_raised_to_one_who_only_sends():
    async with scripted(closing(1008, error("rate_limited"))) as url:
        with pytest.raises(RateLimited):
            await asyncio.wait_for(send_for_ever(url), DEADLINE_S)


@pytest.mark.parametrize(
    ("code", "reason", "messages", "kind"),
    [
        (1008, "rate_limited", [error("rate_limited")], RateLimited),
        (1001, "server_shutdown", [], ShuttingDown),
    ],
)
async def test_what_ended_the_session_before_the_close_could_is_raised(
    code, reason, messages, kind
):
    async def script(connection):
        await connection.send(CREATED)
        await connection.recv()
        for message in (*messages, CLOSED.replace('"client"', f'"{reason}"')):
            await connection.send(message)
        await connection.close(code)

    async with scripted(script) as url:
        with pytest.raises(kind):
            async with client.connect(url) as stream:
                await stream.close()


async def test_whoever_does_not_wait_for_the_close_leaves_nothing_behind():
    is_asked, is_left = asyncio.Event(), asyncio.Event()

    async def deaf(connection):
        await connection.send(CREATED)
        await connection.recv()
        is_asked.set()
        await connection.wait_closed()
        is_left.set()

    async def say_nothing(url):
        async with client.connect(url):
            pass

    async with scripted(deaf) as url:
        task = asyncio.create_task(say_nothing(url))
        await is_asked.wait()
        task.cancel()
        await asyncio.wait([task])
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "intone-client"]
        await asyncio.wait_for(is_left.wait(), DEADLINE_S)


async def test_leaving_the_block_raises_what_nobody_saw():
    async with scripted(closing(1008, error("rate_limited"))) as url:
        with pytest.raises(RateLimited):
            async with client.connect(url):
                pass


async def test_busy_answers_are_tried_again_also_for_the_first_connection():
    busy = answering(503, '{"error":{"code":"overloaded","message":"full","retryable":true}}')
    scripts = (busy, answering(502), answering(429), behave)
    async with scripted(*scripts) as url, client.connect(url, reconnect=SOON) as stream:
        assert stream.session.session_id == "s"


async def test_retry_after_is_waited_for(caplog):
    scripts = (answering(503, Retry_After="1"), behave)
    async with scripted(*scripts) as url, client.connect(url, reconnect=SOON):
        pass
    assert caplog.messages == ["the server answered HTTP 503; try 1 follows in 1.0 s"]


async def test_a_server_that_asks_for_ages_is_asked_again_all_the_same(caplog, monkeypatch):
    monkeypatch.setattr(dialling, "_LONGEST_RETRY_AFTER_S", 0.5)
    scripts = (answering(503, Retry_After="9" * 400), behave)
    async with scripted(*scripts) as url, client.connect(url, reconnect=SOON):
        pass
    assert caplog.messages == ["the server answered HTTP 503; try 1 follows in 0.5 s"]


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("answer", [CREATED, ConnectionLost(1006, "")], ids=["comes", "fails"])
async def test_an_abort_as_the_new_session_comes_or_fails_ends_the_stream(
    answer, turns, monkeypatch
):
    """The connections are scripted: on a socket nobody could tell the turn of the loop."""

    class Scripted:
        def __init__(self) -> None:
            self.messages: asyncio.Queue[str | ConnectionLost] = asyncio.Queue()

        async def receive(self):
            message = await self.messages.get()
            if isinstance(message, ConnectionLost):
                raise message
            return message

        async def close(self):
            pass

    connections = [Scripted(), Scripted()]
    dialled = iter(connections)
    was_dialled_again = asyncio.Event()

    async def open_connection(_url, _token):
        # A third is never answered.
        connection = next(dialled, Scripted())
        if connection is connections[1]:
            was_dialled_again.set()
        return connection

    monkeypatch.setattr(dialling, "open_connection", open_connection)
    connections[0].messages.put_nowait(CREATED)
    stream = await Stream.open(dialling.Dialler("ws://x", None, SOON), SOON)
    connections[0].messages.put_nowait(ConnectionLost(1006, ""))
    await was_dialled_again.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    connections[1].messages.put_nowait(answer)
    for _ in range(turns):
        await asyncio.sleep(0)
    await asyncio.wait_for(stream.abort(), DEADLINE_S)
    with pytest.raises(ServerUnavailable, match="aborted"):
        await stream.send(b"\0\0")


@pytest.mark.parametrize(
    ("proxy", "part"), [("socks5://127.0.0.1:1", "python-socks"), ("ftp://x", "ftp")]
)
async def test_a_proxy_that_cannot_be_used_is_said_in_a_sentence(proxy, part, monkeypatch):
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(SettingsError, match=part):
        async with client.connect("ws://elsewhere.example", reconnect=SOON):
            pass


async def test_a_host_that_is_no_name_is_said_in_a_sentence():
    with pytest.raises(SettingsError):
        async with client.connect("ws://foo..bar", reconnect=SOON):
            pass


async def test_a_file_goes_on_when_the_lag_cannot_be_asked_for():
    class Away:
        """A stream that is coming back: audio is dropped and counted, questions fail."""

        session = SimpleNamespace(
            limits=SimpleNamespace(max_rate=1e9, max_rate_burst_s=4.0), audio=AudioFormat()
        )
        sent = 0

        async def wait_until_up(self):
            pass

        async def send(self, block):
            self.sent += len(block)

        async def ping(self):
            raise ServerUnavailable("the connection was lost")

    away = Away()
    await send_file(away, [b"\0" * 32_000] * 20)
    assert away.sent == 640_000


async def test_a_file_waits_while_the_server_is_away():
    heard = 0

    async def hear(connection):
        nonlocal heard
        await connection.send(CREATED)
        async for message in connection:
            if isinstance(message, bytes):
                heard += len(message)
            elif "ping" in message:
                marker = json.loads(message)["marker"]
                pong = {"type": "pong", "marker": marker, "received_ms": 0, "lag_ms": 0}
                await connection.send(json.dumps(pong))
            else:
                await connection.send(CLOSED)
                return

    block = bytes(32_000)
    away = [answering(503)] * 2
    async with (
        scripted(closing(1001), *away, hear) as url,
        client.connect(url, reconnect=SOON) as stream,
    ):
        # The close is known before the first block goes.
        async for event in stream:
            if isinstance(event, client.Reconnecting):
                break
        await asyncio.wait_for(send_file(stream, [block] * 20), DEADLINE_S)
        await stream.close()
    assert heard == 20 * len(block)
    assert stream.dropped_ms == 0


async def test_a_cancellation_is_heeded_whenever_it_comes():
    """Also just as the session is there: ``asyncio.wait_for`` may lose it."""

    async def use(url):
        async with client.connect(url):
            await asyncio.Event().wait()

    async with scripted(behave) as url:
        for turns in range(60):
            task = asyncio.create_task(use(url))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=DEADLINE_S)
            assert task.cancelled(), turns


async def test_what_is_raised_again_and_again_does_not_grow():
    async with scripted(behave) as url, client.connect(url) as stream:
        await stream.abort()
        depths = []
        for _ in range(5):
            try:
                await stream.send(bytes(320))
            except ServerUnavailable as error:
                depths.append(len(traceback.extract_tb(error.__traceback__)))
        assert len(depths) == 5
        assert len(set(depths)) == 1


async def test_a_fault_in_the_client_is_not_taken_for_a_good_end(monkeypatch):
    def fails(_text):
        raise KeyError("nobody foresaw it")

    async def listen(url):
        async with client.connect(url) as stream:
            monkeypatch.setattr(streaming, "decode", fails)
            await stream._connection.send('{"type":"session.close"}')
            async for _ in stream:
                pass

    async with scripted(behave) as url:
        with pytest.raises(ServerUnavailable, match="nobody foresaw it") as caught:
            await listen(url)
        assert isinstance(caught.value.__cause__, KeyError)


async def test_the_longest_of_several_retry_after_counts(caplog):
    busy = answering(503, Retry_After="0")
    busy.headers["Retry-After"] = "1"
    busy.headers["Retry-After"] = "Wed, 21 Oct 2026 07:28:00 GMT"
    async with scripted(busy, behave) as url, client.connect(url, reconnect=SOON):
        pass
    assert caplog.messages == ["the server answered HTTP 503; try 1 follows in 1.0 s"]


@pytest.mark.parametrize("location", ["ws://[", "ws://host:99999/"])
async def test_a_server_that_sends_us_nowhere_is_said_in_a_sentence(location):
    async with scripted(answering(307, Location=location)) as url:
        with pytest.raises(IntoneError):
            async with client.connect(url):
                pass


async def test_who_sends_without_a_pause_does_not_keep_the_connection_from_coming_back():
    async with (
        scripted(closing(1001), behave) as url,
        client.connect(url, reconnect=SOON) as stream,
    ):
        first = stream.session
        for _ in range(1_000_000):
            await stream.send(bytes(320))
            if stream.session is not first:
                break
        assert stream.session is not first


async def test_tries_run_out():
    async with scripted(answering(503)) as url:
        with pytest.raises(ServerUnavailable, match="gave up: the server answered HTTP 503"):
            async with client.connect(url, reconnect=SOON):
                pass


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answering(401), Unauthorized),
        (answering(404), ServerUnavailable),
        (
            answering(404, '{"error":{"code":"unknown_model","message":"-","retryable":false}}'),
            UnknownModel,
        ),
    ],
)
async def test_other_refusals_are_final(answer, kind):
    async with scripted(answer, behave) as url:
        with pytest.raises(kind):
            async with client.connect(url, reconnect=SOON):
                pass


async def test_without_a_policy_a_busy_server_is_reported_at_once():
    async with scripted(answering(503), behave) as url:
        with pytest.raises(Overloaded):
            async with client.connect(url):
                pass


async def test_a_server_that_speaks_something_else_is_told_apart():
    async def chat(connection):
        await connection.send('{"hello":"there"}')
        await connection.wait_closed()

    async with scripted(chat) as url:
        with pytest.raises(InvalidMessage):
            async with client.connect(url, reconnect=SOON):
                pass


async def test_a_greeting_from_the_future_is_ignored():
    async def greet(connection):
        await connection.send('{"type":"session.greeting","text":"hello"}')
        await behave(connection)

    async with scripted(greet) as url, client.connect(url) as stream:
        assert stream.session.session_id == "s"


async def test_events_nobody_takes_end_the_session_aloud(monkeypatch):
    monkeypatch.setattr(inbox, "MAX_WAITING_EVENTS", 50)

    async def chatter(connection):
        await connection.send(CREATED)
        for number in range(100):
            await connection.send(STARTED % number)
        await connection.wait_closed()

    async with scripted(chatter) as url:
        with pytest.raises(SlowConsumer):
            await asyncio.wait_for(send_for_ever(url), DEADLINE_S)


async def test_a_ping_that_gets_no_answer_fails_when_the_connection_does():
    async def hang_up(connection):
        await connection.send(CREATED)
        await connection.recv()
        connection.transport.abort()

    async with scripted(hang_up) as url:
        with pytest.raises(ServerUnavailable):
            async with client.connect(url) as stream:
                await asyncio.wait_for(stream.ping(), DEADLINE_S)


async def test_a_ping_that_fails_as_the_connection_does_leaves_nothing_unsaid(caplog, monkeypatch):
    """The sending finds it lost just as the listening does: one of them tells."""
    async with scripted(behave) as url, client.connect(url, reconnect=SOON) as stream:

        async def lose(_message):
            stream._end_pongs()
            return False

        with monkeypatch.context() as losing:
            losing.setattr(stream, "_try_to_send", lose)
            with pytest.raises(ServerUnavailable, match="the connection is down"):
                await stream.ping()
        gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_server_that_does_not_read_cannot_hold_up_the_close(monkeypatch):
    monkeypatch.setattr(streaming, "CLOSE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(Stream, "_try_to_send", lambda *_: asyncio.Event().wait())
    async with scripted(behave) as url:
        with pytest.raises(ServerUnavailable, match=r"no session.closed came within"):
            async with client.connect(url):
                pass


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8765", "ftp://host", "ws://", "", "ws://host:99999", "ws://host:x", "ws://[::1"],
)
async def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SettingsError, match=r"not an address like ws://"):
        async with client.connect(url):
            pass


async def test_a_model_that_no_address_carries_is_refused():
    with pytest.raises(SettingsError, match="characters"):
        async with client.connect("ws://127.0.0.1:1", model="\udcff"):
            pass


@pytest.mark.parametrize("token", ["alpha\nbeta", "alphaé"])
async def test_a_token_that_no_header_carries_is_refused_and_not_quoted(token):
    with pytest.raises(SettingsError) as refusal:
        async with client.connect("ws://127.0.0.1:1", token=token):
            pass
    assert "alpha" not in str(refusal.value)
