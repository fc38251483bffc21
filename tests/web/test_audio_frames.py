"""Frames before aiohttp's parser: what the session is given, in what order, whatever the cuts."""

import asyncio
import contextlib
from itertools import pairwise
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import talk
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from intone.web.audio_frames import MOST_DISCARDED_BYTES, MOST_PASSED_ON, AudioFrames
from intone.web.conversation import Conversation
from intone.web.websocket import StreamSocket

MOST_BYTES = 70_000


class Connection:
    """aiohttp's parser and queue behind the frames, without a socket."""

    _reading_paused = False

    def __init__(self, loop, *, is_direct=True):
        self.queue = WebSocketDataQueue(self, 1 << 30, loop=loop)
        self.parser = WebSocketReader(self.queue, MOST_BYTES + 1, compress=False, decode_text=True)
        self.refused = []
        self.pauses = 0
        self.frames = self.parser
        if is_direct:
            self.frames = AudioFrames(self.parser, MOST_BYTES, self.refuse, self.pause)
        self.said = []
        self.wait()

    def wait(self):
        """As a session does: what is queued first, then straight from the socket."""
        while self.queue._buffer:
            message, _ = self.queue._buffer.popleft()
            self.said.append((message.type, message.data))
        if isinstance(self.frames, AudioFrames):
            self.frames.open(self.take)

    def take(self, data):
        self.said.append((WSMsgType.BINARY, data))
        return True

    def refuse(self, code, why):
        assert why
        self.refused.append(code)

    def pause(self):
        self.pauses += 1

    def feed(self, data):
        over, _ = self.frames.feed_data(data)
        return over


def wire(opcode, data, *, fin=True, mask=True):
    return Frame(opcode, data, fin).serialize(mask=mask)


def binary(data):
    return wire(Opcode.BINARY, data)


frames = st.one_of(
    st.sampled_from([0, 1, 125, 126, 127, 160, 3_200, 65_535, 65_536, MOST_BYTES]).map(
        lambda size: [binary(bytes(i * 37 % 256 for i in range(size)))]
    ),
    st.binary(max_size=130).map(lambda data: [binary(data)]),
    st.text(max_size=40).map(lambda text: [wire(Opcode.TEXT, text.encode())]),
    st.binary(max_size=20).map(lambda data: [wire(Opcode.PING, data)]),
    st.lists(st.binary(max_size=20), min_size=2, max_size=4).map(
        lambda parts: [
            wire(Opcode.CONT if i else Opcode.BINARY, part, fin=i == len(parts) - 1)
            for i, part in enumerate(parts)
        ]
    ),
)


def cut_at(stream, cuts):
    """``stream`` in the pieces in which it is read."""
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(bounds) if b > a]


async def said(loop, pieces, *, is_direct, waits):
    connection = Connection(loop, is_direct=is_direct)
    for number, piece in enumerate(pieces):
        if connection.feed(piece):
            break
        if waits[number % len(waits)]:
            connection.wait()
    connection.wait()
    return connection


@settings(max_examples=300, deadline=None)
@given(
    messages=st.lists(frames, max_size=8),
    broken=st.sampled_from(
        [
            [],
            [bytes([0xC2]) + binary(b"reserved")[1:]],
            [wire(Opcode.CONT, b"of nothing")],
            [bytes([0x8B]) + binary(b"no such control")[1:]],
            [binary(bytes(MOST_BYTES + 1))],
            [bytes([0x09]) + wire(Opcode.PING, b"begun")[1:]],
            [wire(Opcode.BINARY, bytes(50_000), fin=False), wire(Opcode.CONT, bytes(50_000))],
            [bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8, "big") + bytes(12)],
            [wire(Opcode.TEXT, b"begun", fin=False), binary(b"in between")],
        ]
    ),
    cuts=st.lists(st.integers(0, 5_000), max_size=12),
    waits=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_the_same_is_said_in_the_same_order(messages, broken, cuts, waits):
    """Beside aiohttp's parser alone, for any frames, cuts, and times at which nobody waits."""
    stream = b"".join(part for message in [*messages, broken] for part in message)
    pieces = cut_at(stream, cuts)

    async def both():
        loop = asyncio.get_running_loop()
        ours = await said(loop, pieces, is_direct=True, waits=waits)
        aiohttps = await said(loop, pieces, is_direct=False, waits=waits)
        return ours, aiohttps

    ours, aiohttps = asyncio.run(both())
    assert ours.said == aiohttps.said
    assert repr(ours.queue.exception()) == repr(aiohttps.queue.exception())
    assert bool(broken) == (ours.queue.exception() is not None)


@settings(max_examples=200, deadline=None)
@given(
    messages=st.lists(frames, max_size=5),
    unmasked=st.sampled_from(
        [
            wire(Opcode.BINARY, b"audio", mask=False),
            wire(Opcode.BINARY, bytes(3_200), mask=False),
            wire(Opcode.BINARY, bytes(MOST_BYTES), mask=False)[:2],
            wire(Opcode.TEXT, b"{}", mask=False),
            wire(Opcode.PING, b"", mask=False),
            wire(Opcode.CLOSE, b"", mask=False),
        ]
    ),
    cuts=st.lists(st.integers(0, 5_000), max_size=12),
    waits=st.lists(st.booleans(), min_size=1, max_size=5),
)
def test_a_frame_that_is_not_masked_is_refused_and_all_before_it_heard(
    messages, unmasked, cuts, waits
):
    """RFC 6455, 5.1: the server closes, since a proxy may have been led to send it."""
    before = b"".join(part for message in messages for part in message)
    stream = before + unmasked + binary(b"behind")
    pieces = cut_at(stream, cuts)

    async def both():
        loop = asyncio.get_running_loop()
        ours = await said(loop, pieces, is_direct=True, waits=waits)
        return ours, await said(loop, [before] if before else [], is_direct=False, waits=waits)

    ours, wanted = asyncio.run(both())
    assert ours.said == wanted.said
    assert ours.refused == [WSCloseCode.PROTOCOL_ERROR]


async def test_plain_messages_do_not_touch_the_queue():
    connection = Connection(asyncio.get_running_loop())
    connection.feed(binary(b"\x01\x02") * 3)
    assert connection.said == [(WSMsgType.BINARY, b"\x01\x02")] * 3
    assert not connection.queue._buffer


async def test_nothing_overtakes_what_is_queued():
    connection = Connection(asyncio.get_running_loop())
    connection.feed(binary(b"one") + wire(Opcode.TEXT, b"two") + binary(b"three"))
    connection.feed(binary(b"four"))
    assert [data for _, data in connection.said] == [b"one"]
    connection.wait()
    assert [data for _, data in connection.said] == [b"one", "two", b"three", b"four"]
    connection.feed(binary(b"five"))
    assert connection.said[-1] == (WSMsgType.BINARY, b"five")


async def test_what_a_session_does_not_take_goes_the_long_way():
    connection = Connection(asyncio.get_running_loop())
    connection.take = lambda _: False
    connection.wait()
    connection.feed(binary(b"later"))
    assert connection.said == []
    connection.wait()
    assert connection.said == [(WSMsgType.BINARY, b"later")]


async def test_what_follows_a_message_that_is_not_taken_is_passed_on_in_one_go():
    """aiohttp's parser, stalled, copies what it holds at every call."""
    connection = Connection(asyncio.get_running_loop())
    calls = []

    def counted(data):
        calls.append(data)
        return connection.parser.feed_data(data)

    connection.frames._parser = SimpleNamespace(feed_data=counted)
    cut_off = binary(b"cut off")
    connection.feed(wire(Opcode.PONG, b"") * 500 + binary(b"later") + cut_off[:-1])
    assert len(calls) == 1
    connection.wait()
    connection.feed(cut_off[-1:])
    audio = [data for kind, data in connection.said if kind is WSMsgType.BINARY]
    assert audio == [b"later", b"cut off"]


async def test_a_flood_of_frames_that_are_not_audio_is_left_to_the_parser():
    connection = Connection(asyncio.get_running_loop())
    one = binary(b"one")
    connection.feed(wire(Opcode.PING, b"") * (MOST_PASSED_ON + 1) + one[:-1])
    connection.wait()
    connection.feed(one[-1:] + binary(b"two"))
    connection.wait()
    pings, audio = connection.said[: MOST_PASSED_ON + 1], connection.said[MOST_PASSED_ON + 1 :]
    assert {kind for kind, _ in pings} == {WSMsgType.PING}
    assert [data for _, data in audio] == [b"one", b"two"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x83\xfe\xea\x60", id="an opcode that there is not"),
        pytest.param(b"\x89\xfe\xea\x60", id="a long ping"),
        pytest.param(b"\x09\x85", id="a ping in parts"),
        pytest.param(b"\xc2\x85", id="a reserved bit"),
        pytest.param(
            wire(Opcode.BINARY, bytes(50_000), fin=False) + b"\x80\xfe\xea\x60" + bytes(5),
            id="parts that are too long together",
        ),
    ],
)
async def test_a_header_is_refused_without_its_payload(header):
    assert refused(Connection(asyncio.get_running_loop(), is_direct=False), header)
    assert refused(Connection(asyncio.get_running_loop()), header)


def refused(connection, header) -> bool:
    connection.feed(header)
    return connection.queue.exception() is not None


BEGUN, EMPTY = wire(Opcode.BINARY, b"", fin=False), wire(Opcode.CONT, b"", fin=False)


@pytest.mark.parametrize("frames_a_read", [1, 100, 10 * MOST_PASSED_ON])
async def test_a_message_that_does_not_end_is_refused(frames_a_read):
    connection = Connection(asyncio.get_running_loop())
    connection.feed(BEGUN)
    connection.wait()
    reads = 0
    while not connection.refused:
        connection.feed(EMPTY * frames_a_read)
        reads += 1
        assert reads * frames_a_read * len(EMPTY) < 2_000_000
    assert connection.refused == [WSCloseCode.MESSAGE_TOO_BIG]
    assert connection.said == []


@pytest.mark.parametrize("is_direct", [True, False])
async def test_many_messages_in_many_parts_are_heard(is_direct):
    """As many bytes as would be refused if no message ended, whether audio is taken or not."""
    connection = Connection(asyncio.get_running_loop())
    message = BEGUN + wire(Opcode.CONT, bytes(100), fin=False) * 600 + wire(Opcode.CONT, b"")
    for number in range(30):
        connection.feed(message)
        connection.frames.open(connection.take if is_direct else None)
        connection.wait()
        assert len(connection.said) == number + 1
    assert connection.refused == []
    assert connection.said == [(WSMsgType.BINARY, bytes(60_000))] * 30


async def test_a_message_that_does_not_end_ends_its_session(serve, male_wav):
    async with serve() as local, connected(local) as (reader, writer):
        writer.write(UPGRADE + BEGUN)
        answers = asyncio.ensure_future(until_closed(reader))
        with contextlib.suppress(ConnectionError):
            while not answers.done():
                writer.write(EMPTY * 10_000)
                await writer.drain()
                await asyncio.wait([answers], timeout=0)
        assert b'"code":"message_too_large"' in await answers
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    assert talk.of_type(messages, "utterance.result")


async def test_who_reads_nothing_is_not_read_as_fast_as_it_sends(serve):
    """While the end of its session has its time to arrive."""
    sent_bytes = 0
    async with serve() as local, connected(local) as (_, writer):
        writer.write(UPGRADE + BEGUN)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(EMPTY * 100_000)
                await writer.drain()
                sent_bytes += 100_000 * len(EMPTY)
    assert sent_bytes < 3 * MOST_DISCARDED_BYTES


async def test_what_comes_after_the_session_is_not_refused():
    """A client that was sending as the session ended still reads how it ended."""
    connection = Connection(asyncio.get_running_loop())
    connection.frames.end()
    message = wire(Opcode.BINARY, bytes(60_000))
    for _ in range(100):
        connection.feed(message)
    assert connection.refused == []
    assert connection.pauses == 0
    assert connection.said == []


@pytest.mark.parametrize("last", ["an end", "a frame that is refused", "an unmasked frame"])
async def test_who_goes_on_after_the_session_is_read_no_further(last):
    connection = Connection(asyncio.get_running_loop())
    if last == "an end":
        connection.frames.end()
    else:
        connection.feed(wire(Opcode.CONT, b"of nothing", mask=last == "a frame that is refused"))
    empty = EMPTY * 10_000
    fed_bytes = 0
    while not connection.pauses:
        connection.feed(empty)
        fed_bytes += len(empty)
    assert 0 <= fed_bytes - MOST_DISCARDED_BYTES <= 2 * len(empty)
    connection.feed(empty)
    assert connection.said == []


async def test_the_end_is_passed_on():
    connection = Connection(asyncio.get_running_loop())
    connection.frames.feed_eof()
    assert connection.queue.is_eof()


async def test_a_session_reads_its_audio_so(serve, male_wav, monkeypatch):
    """Else it would still be right, and as slow as aiohttp's queue."""
    queued = []
    receive = StreamSocket.receive

    async def counted(self, timeout=None):
        message = await receive(self, timeout)
        queued.append(message.type)
        return message

    monkeypatch.setattr(StreamSocket, "receive", counted)
    async with serve() as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    assert talk.of_type(messages, "utterance.result")
    assert WSMsgType.BINARY not in queued
    assert WSMsgType.TEXT in queued


async def test_an_aiohttp_without_the_place_for_it_reads_every_message(
    serve, male_wav, monkeypatch
):
    undisturbed = web.WebSocketResponse._post_start
    monkeypatch.setattr(StreamSocket, "_post_start", undisturbed)
    async with serve() as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    assert talk.of_type(messages, "utterance.result")


UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)
CLOSE = wire(Opcode.TEXT, b'{"type": "session.close"}')


@contextlib.asynccontextmanager
async def connected(local):
    """A connection on which not even the upgrade was asked for."""
    url = urlsplit(local.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    yield reader, writer
    writer.close()


async def until_closed(reader) -> bytes:
    """What is read up to ``session.closed``."""
    said = b""
    while b"session.closed" not in said:
        more = await reader.read(65_536)
        assert more, said
        said += more
    return said


async def test_audio_that_comes_with_the_upgrade_is_heard(serve, male_wav):
    """Before the server has said yes: its first frame may end in the middle."""
    data = talk.pcm_of(male_wav)
    frames = b"".join(binary(data[i : i + 3_200]) for i in range(0, len(data), 3_200))
    async with serve() as local, connected(local) as (reader, writer):
        writer.write(UPGRADE + frames[:5_000])
        await writer.drain()
        writer.write(frames[5_000:] + CLOSE)
        said = await until_closed(reader)
    assert f'"bytes":{len(data)}'.encode() in said
    assert b"utterance.result" in said


async def test_a_bad_update_right_behind_the_first_audio_does_not_silence_the_session(serve):
    """They are read in one go: the update must not be refused as if it came before."""
    update = wire(Opcode.TEXT, b'{"type": "session.update", "interim_ms": "often"}')
    audio = binary(bytes(3_200))
    async with serve() as local, connected(local) as (reader, writer):
        writer.write(UPGRADE + audio + update)
        writer.write(audio * 3 + CLOSE)
        said = await until_closed(reader)
    assert said.count(b'"type":"error"') == 1
    assert b'"bytes":12800' in said


async def test_what_comes_behind_the_close_is_not_heard(serve):
    """Not even what was read in one go with it."""
    audio, ping = binary(bytes(3_200)), wire(Opcode.TEXT, b'{"type": "ping"}')
    async with serve() as local, connected(local) as (reader, writer):
        writer.write(UPGRADE + audio + CLOSE + audio + ping)
        said = await until_closed(reader)
    assert b'"bytes":3200' in said
    assert b"pong" not in said


async def test_audio_does_not_overtake_what_waits_behind_a_ping(serve, monkeypatch):
    """A pong waits for a client that reads slowly; what is read meanwhile comes later."""
    pongs, is_held, goes_on, is_read = [], asyncio.Event(), asyncio.Event(), asyncio.Event()
    heard = []
    pong, feed, accept = StreamSocket.pong, AudioFrames.feed_data, Conversation.accept

    async def held(self, data):
        pongs.append(data)
        if data == b"second":
            is_held.set()
            await goes_on.wait()
        await pong(self, data)

    def fed(self, data):
        result = feed(self, data)
        if is_held.is_set():
            is_read.set()
        return result

    def accepted(self, data):
        heard.append(data)
        accept(self, data)

    monkeypatch.setattr(StreamSocket, "pong", held)
    monkeypatch.setattr(AudioFrames, "feed_data", fed)
    monkeypatch.setattr(Conversation, "accept", accepted)
    audio = [bytes([number, 0]) * 1_600 for number in range(3)]
    async with serve() as local, connected(local) as (reader, writer):
        pings = wire(Opcode.PING, b"first") + wire(Opcode.PING, b"second")
        writer.write(UPGRADE + pings + binary(audio[0]))
        await is_held.wait()
        writer.write(binary(audio[1]))
        await is_read.wait()
        goes_on.set()
        writer.write(binary(audio[2]) + CLOSE)
        await until_closed(reader)
    assert pongs == [b"first", b"second"]
    assert heard == audio
