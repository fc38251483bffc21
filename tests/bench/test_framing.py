"""Frames against another implementation's: the websockets library's, at the other end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from intone_bench.framing import Opcode, Reader, frame

KEY = b"\x01\x9c\x7f\xff"


def read_by_websockets(data: bytes) -> Frame:
    stream = StreamReader()
    stream.feed_data(data)
    parsing = Frame.parse(stream.read_exact, mask=True)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    return done.value.value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 3_200, 65_535, 65_536])
def test_a_server_reads_a_frame_of_any_size(size):
    payload = bytes(index % 251 for index in range(size))
    got = read_by_websockets(frame(Opcode.BINARY, payload, KEY))
    assert (got.opcode, got.data, got.fin) == (Opcode.BINARY, payload, True)


def test_a_frame_does_not_show_its_payload():
    assert b"speech" not in frame(Opcode.TEXT, b"speech", KEY)


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=6),
    cuts=st.lists(st.integers(0, 2_000), max_size=8),
)
def test_what_a_server_sends_is_read_however_it_is_cut(payloads, cuts):
    data = b"".join(
        Frame(Opcode.TEXT, payload).serialize(mask=False, extensions=[]) for payload in payloads
    )
    got = []
    reader = Reader(lambda opcode, payload: got.append((opcode, payload)))
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(edges):
        reader.push(data[start:end])
    assert got == [(Opcode.TEXT, payload) for payload in payloads]


def test_long_messages_of_a_server_are_read():
    payload = bytes(70_000)
    got = []
    data = Frame(Opcode.TEXT, payload).serialize(mask=False, extensions=[])
    Reader(lambda _, payload: got.append(payload)).push(data)
    assert got == [payload]


def test_a_masked_or_split_message_is_refused():
    with pytest.raises(ValueError, match="masked"):
        Reader(lambda *_: None).push(frame(Opcode.TEXT, b"x" * 126, KEY))
    with pytest.raises(ValueError, match="masked"):
        Reader(lambda *_: None).push(frame(Opcode.TEXT, b"x", KEY))
    split = Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=False, extensions=[])
    with pytest.raises(ValueError, match="pieces"):
        Reader(lambda *_: None).push(split)
