"""Hostile and clumsy clients: each is told what was wrong, and the server goes on."""

import asyncio
import contextlib
import gc
import json
import struct

import pytest
import talk
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intone.engine.live import LiveSession
from intone.types import UtteranceResult, UtteranceStarted
from intone.web.websocket import StreamSocket


@pytest.fixture(autouse=True)
async def still_serves(server, female_wav):
    """After each test the server answers a well-behaved client."""
    yield
    messages = await talk.hear(server.url, talk.pcm_of(female_wav))
    assert talk.of_type(messages, "utterance.result")


async def refused(socket, message):
    await socket.send(message)
    return await talk.receive(socket)


# --- frames and messages that are refused; the session goes on ----------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x00" * 3_201, "invalid_audio_frame"),
        (b"\x00", "invalid_audio_frame"),
        (b"", "invalid_audio_frame"),
        (b"\x00" * (10 * 32_000 + 2), "invalid_audio_frame"),
        ("not JSON", "invalid_message"),
        ("", "invalid_message"),
        ("[]", "invalid_message"),
        ("null", "invalid_message"),
        ("{}", "invalid_message"),
        ('{"type": 3}', "invalid_message"),
        ('{"type": "ping", "marker": 3}', "invalid_message"),
        ("[" * 100_000, "invalid_message"),
        ('{"type": "session.explode"}', "unknown_type"),
        (json.dumps({"type": "x" * 100_000}), "unknown_type"),
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) > 40 else repr(value)[:24],
)
async def test_a_refused_message_gets_its_error_and_the_session_goes_on(
    patient_server, female_wav, frame, code
):
    data = talk.pcm_of(female_wav)
    undisturbed = talk.utterance_events(await talk.hear(patient_server.url, data))
    async with talk.connect(patient_server.url) as socket:
        await talk.receive(socket)
        for _ in range(2):
            error = await refused(socket, frame)
            assert error["type"] == "error"
            assert error["code"] == code
            assert error["retryable"] is False
            assert 0 < len(error["message"]) < 300
        half = len(data) // 4 * 2
        await socket.send(data[:half])
        await socket.send(frame)
        await socket.send(data[half:])
        await talk.say(socket, "session.close")
        messages = await talk.receive_all(socket)
        assert socket.close_code == 1000
    assert [error["code"] for error in talk.of_type(messages, "error")] == [code]
    # Nothing of the refused message was heard, and nothing else was missed.
    assert talk.utterance_events(messages) == undisturbed
    assert messages[-1]["received"]["bytes"] == len(data)


async def test_odd_for_stereo_is_not_whole_samples_of_both(server):
    async with talk.connect(server.url, "?channels=2") as socket:
        await talk.receive(socket)
        assert (await refused(socket, bytes(3_202)))["code"] == "invalid_audio_frame"
        await socket.send(bytes(3_200))
        await talk.say(socket, "session.close")
        assert (await talk.receive_all(socket))[-1]["received"]["bytes"] == 3_200


async def test_update_after_audio_is_refused_and_changes_nothing(patient_server, male_wav):
    data = talk.pcm_of(male_wav)
    undisturbed = talk.utterance_events(await talk.hear(patient_server.url, data))
    async with talk.connect(patient_server.url) as socket:
        await talk.receive(socket)
        await socket.send(data[:3_200])
        await talk.say(socket, "session.update", audio={"encoding": "mulaw"})
        error = await talk.receive(socket)
        assert (error["type"], error["code"]) == ("error", "config_after_audio")
        await socket.send(data[3_200:])
        await talk.say(socket, "session.close")
        assert talk.utterance_events(await talk.receive_all(socket)) == undisturbed


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ('{"type": "ping"}', "pong"),
        ("{", "invalid_message"),
        (b"x", "invalid_audio_frame"),
        ('{"type": "flush"}', None),
    ],
)
async def test_whoever_reads_may_say_much_at_once(server, female_wav, message, answer):
    count = 4_000
    async with talk.connect(server.url) as socket:
        await talk.receive(socket)
        reader = asyncio.create_task(talk.receive_all(socket))
        for _ in range(count):
            await socket.send(message)
        await socket.send(talk.pcm_of(female_wav))
        await talk.say(socket, "session.close")
        messages = await reader
    assert socket.close_code == 1000
    answers = [m.get("code", m["type"]) for m in messages]
    assert answer is None or answers.count(answer) == count
    assert talk.of_type(messages, "utterance.result")


# --- configurations that are refused ------------------------------------------------------

REFUSED_QUERIES = [
    ("encoding=opus", "unsupported_audio", {"encoding": "s16le"}),
    ("sample_rate=12345", "unsupported_audio", {"sample_rate_hz": 16_000}),
    ("sample_rate=fast", "unsupported_audio", {"sample_rate_hz": 16_000}),
    ("sample_rate=-16000", "unsupported_audio", {"sample_rate_hz": 16_000}),
    ("channels=3", "unsupported_audio", {"channels": 1}),
    ("channels=0", "unsupported_audio", {"channels": 1}),
]


@pytest.mark.parametrize(("query", "code", "default"), REFUSED_QUERIES)
async def test_unknown_audio_is_told_and_not_decoded_until_set_right(
    server, male_wav, query, code, default
):
    data = talk.pcm_of(male_wav)
    async with talk.connect(server.url, f"?{query}") as socket:
        error, created = await talk.receive(socket), await talk.receive(socket)
        assert (error["type"], error["code"]) == ("error", code)
        assert created["type"] == "session.created"
        assert created["audio"].items() >= default.items()
        assert (await refused(socket, data))["code"] == "not_configured"
        # A refused update makes nothing better, nor does one about something else.
        await talk.say(socket, "session.update", audio={"encoding": "opus"})
        assert (await talk.receive(socket))["code"] == "unsupported_audio"
        await talk.say(socket, "session.update", model="gru")
        assert (await talk.receive(socket))["type"] == "session.updated"
        assert (await refused(socket, data))["code"] == "not_configured"
        plain = {"encoding": "s16le", "sample_rate_hz": 16_000, "channels": 1}
        await talk.say(socket, "session.update", audio=plain)
        assert (await talk.receive(socket))["audio"] == plain
        await socket.send(data)
        await talk.say(socket, "session.close")
        messages = await talk.receive_all(socket)
    assert talk.of_type(messages, "utterance.result")
    assert messages[-1]["received"]["bytes"] == len(data)


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("model=oracle", "unknown_model", {"model": "gru"}),
        ("interim_ms=7", "invalid_settings", {"interim_ms": 500}),
        ("interim_ms=soon", "invalid_settings", {"interim_ms": 500}),
    ],
)
async def test_unknown_model_and_interim_are_told(server, male_wav, query, code, field):
    async with talk.connect(server.url, f"?{query}") as socket:
        error, created = await talk.receive(socket), await talk.receive(socket)
        assert error["code"] == code
        assert created["interim_ms"] == 500
        assert created["model"]["name"] == "gru"
        assert (await refused(socket, bytes(320)))["code"] == "not_configured"
        await talk.say(socket, "session.update", **field)
        assert (await talk.receive(socket))["type"] == "session.updated"
        await socket.send(talk.pcm_of(male_wav))
        await talk.say(socket, "session.close")
        assert talk.of_type(await talk.receive_all(socket), "utterance.result")


async def test_every_wrong_parameter_gets_its_own_error(server):
    query = "?encoding=opus&sample_rate=1&channels=9&model=oracle&interim_ms=7&novelty=1"
    async with talk.connect(server.url, query) as socket:
        messages = await talk.receive_until(socket, "session.created")
    assert sorted(error["code"] for error in messages[:-1]) == [
        "invalid_settings",
        "unknown_model",
        *["unsupported_audio"] * 3,
    ]


async def test_an_update_of_the_wrong_shape_is_not_taken_for_the_default(server):
    async with talk.connect(server.url) as socket:
        await talk.receive(socket)
        await talk.say(socket, "session.update", audio={"sample_rate_hz": "8000"})
        assert (await talk.receive(socket))["code"] == "invalid_message"
        assert (await refused(socket, bytes(320)))["code"] == "not_configured"
        await talk.say(socket, "session.update", audio={"sample_rate_hz": 8_000})
        assert (await talk.receive(socket))["type"] == "session.updated"
        await socket.send(bytes(320))
        await talk.say(socket, "session.close")
        assert (await talk.receive_all(socket))[-1]["received"]["bytes"] == 320


# --- messages that end the session, error first -------------------------------------------


@pytest.mark.parametrize("size", [(1 << 20) + 1, 2_000_000, 20_000_000])
@pytest.mark.parametrize("is_text", [False, True])
async def test_an_oversize_message_is_told_before_the_close(server, male_wav, size, is_text):
    data = talk.pcm_of(male_wav)
    async with talk.connect(server.url) as socket:
        await talk.receive(socket)
        await socket.send(data)
        # The server may have closed before all of it is sent.
        with contextlib.suppress(websockets.ConnectionClosed):
            await socket.send("x" * size if is_text else bytes(size))
        messages = await talk.receive_all(socket)
    assert socket.close_code == 1009
    assert [e["code"] for e in talk.of_type(messages, "error")] == ["message_too_large"]
    # What was heard before is answered.
    assert talk.of_type(messages, "utterance.result")
    assert messages[-1]["type"] == "session.closed"
    assert messages[-1]["reason"] == "message_too_large"


async def test_a_message_of_just_the_limit_is_taken(server):
    async with talk.connect(server.url) as socket:
        await talk.receive(socket)
        # Taken as a message, and refused as audio: it is over max_frame_ms.
        assert (await refused(socket, bytes(1 << 20)))["code"] == "invalid_audio_frame"


async def raw(server, frame):
    """Send bytes that no WebSocket library would; return what comes until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame)
    data = await asyncio.wait_for(reader.read(), talk.DEADLINE_S)
    writer.close()
    await writer.wait_closed()
    return data


def masked(opcode, payload, *, fin=True):
    assert len(payload) < 126
    return bytes([opcode | 0x80 * fin, 0x80 | len(payload), 0, 0, 0, 0]) + payload


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(1, b"\xff\xfe"), 1007),
        (masked(3, b"reserved"), 1002),
        (masked(9, b"a ping in pieces", fin=False), 1002),
        (b"\x82\x04" + bytes(4), 1002),
    ],
    ids=["bad UTF-8", "reserved opcode", "fragmented ping", "not masked"],
)
async def test_a_broken_websocket_frame_is_told_before_the_close(server, frame, code):
    data = await raw(server, frame)
    if b"\x88" not in data:
        pytest.fail(f"no close frame in {data!r}")
    assert b'"code":"invalid_message"' in data
    assert b'"type":"session.closed"' in data
    assert data.index(b'"type":"error"') < data.index(b'"type":"session.closed"')
    assert struct.pack("!H", code) in data[data.rindex(b'"type":"session.closed"') :]


@pytest.mark.parametrize("key", [b"", b"short", b"====", b"\xff\xfe"])
async def test_an_upgrade_with_a_broken_key_is_refused(server, key):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(talk.UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", key))
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), talk.DEADLINE_S)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_request"' in answer
    writer.close()
    await writer.wait_closed()


async def test_head_opens_no_session(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(talk.UPGRADE.replace(b"GET ", b"HEAD ", 1))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), talk.DEADLINE_S)
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET" in answer
    writer.close()
    await writer.wait_closed()


# --- clients that leave, or do not read ---------------------------------------------------


class Witness:
    """A sink that remembers."""

    def __init__(self):
        self.events = []

    def tell(self, session_id, event):
        assert session_id
        self.events.append(event)

    def close(self):
        pass


async def test_a_client_that_vanishes_before_the_upgrade_is_no_fault_of_ours(
    serve, monkeypatch, caplog
):
    prepare, is_asked = StreamSocket.prepare, asyncio.Event()

    async def late(self, request):
        is_asked.set()
        await talk.until(lambda: request.transport is None)
        return await prepare(self, request)

    monkeypatch.setattr(StreamSocket, "prepare", late)
    async with serve() as local:
        _, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
        writer.write(talk.UPGRADE)
        await is_asked.wait()
        writer.transport.abort()
        await talk.until(lambda: local.server.ended == 1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("is_abrupt", [False, True])
async def test_a_client_that_vanishes_mid_utterance_leaves_nothing(serve, male_wav, is_abrupt):
    data = talk.pcm_of(male_wav)
    async with serve() as local:
        witness = Witness()
        local.server._sinks.append(("witness", witness))
        socket = await talk.connect(local.url, "?interim_ms=0")
        await socket.send(data[:48_000])
        await talk.receive_until(socket, "utterance.started")
        if is_abrupt:
            socket.transport.abort()
        else:
            await socket.close()
        await talk.until(lambda: not local.server.sessions)
        assert [type(e) for e in witness.events] == [UtteranceStarted, UtteranceResult]
        engine = local.server.engine("gru")
        assert not engine._expected
        assert engine.backlog_s == 0
        await talk.until(lambda: not kept(LiveSession))


def kept(kind):
    gc.collect()
    # isinstance() would ask a weak proxy of another test's for its class, and its thing is gone.
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    script=st.lists(
        st.one_of(
            st.binary(max_size=2_000),
            st.text(max_size=20),
            st.sampled_from(
                [
                    '{"type":"flush"}',
                    '{"type":"ping","marker":"m"}',
                    '{"type":"session.update","interim_ms":0}',
                    '{"type":"session.update","audio":{"channels":2}}',
                    '{"type":"session.update","audio":7}',
                ]
            ),
            st.just("SPEECH"),
        ),
        max_size=25,
    ),
    leaves=st.booleans(),
)
def test_whatever_a_client_says_utterances_end_once(server, male_wav, script, leaves):
    speech = talk.pcm_of(male_wav)[:32_000]

    async def play():
        # Its own buffer of unread events must not hold the client's close up.
        async with talk.connect(server.url, max_queue=None) as socket:
            for line in script:
                await socket.send(speech if line == "SPEECH" else line)
            if leaves:
                return []
            await talk.say(socket, "session.close")
            messages = await talk.receive_all(socket)
            assert socket.close_code == 1000
            return messages

    messages = asyncio.run(play())
    started = [m["utterance_id"] for m in talk.of_type(messages, "utterance.started")]
    ended = [
        m["utterance_id"]
        for m in messages
        if m["type"] in ("utterance.result", "utterance.discarded")
    ]
    assert sorted(ended) == started
    assert leaves or messages[-1]["type"] == "session.closed"
