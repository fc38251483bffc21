"""Conversations that go well."""

import asyncio
import io
import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
import talk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intone import AudioFormat, Encoding, Session, plugins
from intone.core.decode import to_int16
from intone.web import translate
from intone.web.codec import decode_server, encode


@pytest.fixture(scope="module")
def gru(store):
    return store["gru"].new_recogniser()


def expected_events(recogniser, data, audio=None, **options):
    """What the synchronous Session says, worded for the wire."""
    session = Session(audio, model=recogniser, **options)
    events = session.feed(data) + session.finish()
    return [translate.event(event) for event in events]


def decoded(messages):
    return [decode_server(json.dumps(m)) for m in talk.utterance_events(messages)]


async def test_a_session_from_hello_to_goodbye(patient_server, store, two_utterances_wav):
    data = talk.pcm_of(two_utterances_wav)
    messages = await talk.hear(patient_server.url, data)
    card = store["gru"].card
    created, closed = messages[0], messages[-1]
    assert created["type"] == "session.created"
    assert created["protocol"] == "intone.v1"
    assert created["audio"] == {"encoding": "s16le", "sample_rate_hz": 16_000, "channels": 1}
    assert created["model"] == {
        "name": "gru",
        "sha256": card.sha256,
        "emotions": list(card.emotions),
        "genders": list(card.genders),
        "interims": True,
    }
    assert created["interim_ms"] == 500
    assert created["limits"] == {
        "max_frame_ms": 10_000,
        "max_message_bytes": 1 << 20,
        "max_rate": 20.0,
        "max_rate_burst_s": 30.0,
        "max_session_s": 10_800.0,
        "idle_timeout_s": 60.0,
    }
    results = talk.of_type(messages, "utterance.result")
    assert [result["utterance_id"] for result in results] == [1, 2]
    for result in results:
        assert result["reason"] in ("silence", "end_of_stream")
        assert 0 <= result["latency_ms"] < 60_000
        assert list(result["emotion"]["scores"]) == list(card.emotions)
        assert sum(result["gender"]["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert result["model"] == "gru"
    assert closed == {
        "type": "session.closed",
        "reason": "client",
        "received": {"audio_ms": len(data) // 32, "bytes": len(data)},
        "produced": {
            "utterances": 2,
            "interims": len(talk.of_type(messages, "utterance.interim")),
            "discarded": len(talk.of_type(messages, "utterance.discarded")),
        },
    }


async def test_the_stream_says_what_the_session_in_process_says(
    patient_server, gru, two_utterances_wav
):
    data = talk.pcm_of(two_utterances_wav)
    messages = await talk.hear(patient_server.url, data)
    assert decoded(messages) == expected_events(gru, data)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 160_000), max_size=30))
def test_any_chunking_gives_the_same_events(patient_server, gru, male_wav, cuts):
    # Whole samples: a message is refused otherwise.
    data = talk.pcm_of(male_wav)
    bounds = sorted({0, len(data), *(min(2 * cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(bounds)]
    assert decoded(asyncio.run(said(patient_server.url, pieces))) == expected_events(gru, data)


async def said(url, pieces):
    async with talk.connect(url) as socket:
        for piece in pieces:
            await socket.send(piece)
        await talk.say(socket, "session.close")
        return await talk.receive_all(socket)


async def test_one_sample_at_a_time_gives_the_same_events(patient_server, gru, female_wav):
    data = talk.pcm_of(female_wav)[: 2 * 16_000]
    messages = await talk.hear(patient_server.url, data, piece=2)
    assert decoded(messages) == expected_events(gru, data)


async def test_beside_two_hundred_others_a_session_hears_the_same(
    serve, male_wav, female_wav, two_utterances_wav
):
    sounds = [talk.pcm_of(path) for path in (two_utterances_wav, male_wav, female_wav)]
    # Interims are the first to go when a slow machine falls behind; this is not about that.
    patient = {"interim_backlog_s": 60.0, "refuse_backlog_s": 60.0, "discard_backlog_s": 60.0}
    async with serve(engine=patient) as local:
        alone = [talk.utterance_events(await talk.hear(local.url, data)) for data in sounds]
        crowd = await asyncio.gather(
            *(
                talk.hear(local.url, sounds[i % 3], piece=1_600 + 320 * (i % 7), open_timeout=30)
                for i in range(201)
            )
        )
    for i, messages in enumerate(crowd):
        assert talk.utterance_events(messages) == alone[i % 3]
        assert not talk.of_type(messages, "error")


@pytest.mark.parametrize("encoding", ["f32le", "mulaw", "alaw"])
async def test_every_encoding_is_heard(patient_server, gru, male_wav, encoding):
    samples = soundfile.read(male_wav, dtype="float32")[0]
    data = samples.astype("<f4").tobytes() if encoding == "f32le" else g711(samples, encoding)
    audio = AudioFormat(Encoding(encoding))
    messages = await talk.hear(patient_server.url, data, query=f"?encoding={encoding}")
    assert messages[0]["audio"]["encoding"] == encoding
    assert decoded(messages) == expected_events(gru, data, audio)
    assert talk.of_type(messages, "utterance.result")


def g711(samples, encoding):
    """As libsndfile writes it."""
    file = io.BytesIO()
    subtype = {"mulaw": "ULAW", "alaw": "ALAW"}[encoding]
    soundfile.write(file, samples, 16_000, format="RAW", subtype=subtype)
    return file.getvalue()


async def test_two_channels_are_two_speakers(patient_server, gru, male_wav, female_wav):
    voices = [np.frombuffer(talk.pcm_of(path), "<i2") for path in (male_wav, female_wav)]
    length = min(map(len, voices))
    data = np.stack([voice[:length] for voice in voices], axis=1).tobytes()
    messages = await talk.hear(patient_server.url, data, query="?channels=2", piece=6_400)
    assert decoded(messages) == expected_events(gru, data, AudioFormat(channels=2))
    assert {m["channel"] for m in talk.of_type(messages, "utterance.result")} == {0, 1}


async def test_update_before_audio_is_answered_by_the_whole_configuration(
    patient_server, gru, male_wav
):
    data = talk.pcm_of(male_wav)
    async with talk.connect(patient_server.url) as socket:
        created = await talk.receive(socket)
        await talk.say(
            socket, "session.update", audio={"sample_rate_hz": 8_000}, interim_ms=0, novelty=1
        )
        updated = await talk.receive(socket)
        assert updated == {
            "type": "session.updated",
            "audio": {"encoding": "s16le", "sample_rate_hz": 8_000, "channels": 1},
            "model": created["model"],
            "interim_ms": 0,
        }
        await socket.send(data)
        await talk.say(socket, "session.close")
        messages = await talk.receive_all(socket)
    audio = AudioFormat(sample_rate_hz=8_000)
    assert decoded(messages) == expected_events(gru, data, audio, interim_ms=0)


async def test_flush_ends_the_running_utterance_now(server, two_utterances_wav):
    data = talk.pcm_of(two_utterances_wav)
    async with talk.connect(server.url, "?interim_ms=0") as socket:
        await socket.send(data[: 32 * 1_400])
        await talk.say(socket, "flush")
        messages = await talk.receive_until(socket, "utterance.result")
        assert messages[-1]["reason"] == "flush"
        assert messages[-1]["end_ms"] == 1_400
        # The session goes on, and so does the speech: it is the next utterance.
        await socket.send(data[32 * 1_400 :])
        await talk.say(socket, "session.close")
        rest = await talk.receive_all(socket)
    assert [r["utterance_id"] for r in talk.of_type(rest, "utterance.result")] == [2, 3]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
async def test_each_flush_ends_what_was_sent_before_it(serve, male_wav, rate_hz):
    """And the next utterance is told as soon as it begins, with nothing sent after it."""
    samples = np.tile(np.frombuffer(talk.pcm_of(male_wav), "<i2")[8_000:24_000], 3) / 32_768
    sent = to_int16(soxr.resample(samples, 16_000, rate_hz).clip(-1, 1)).tobytes()
    second, piece = 2 * rate_hz, 2 * (rate_hz // 50)
    pieces = [sent[start : start + piece] for start in range(0, 3 * second, piece)]
    spans = []
    # Longer than it takes to begin: what ran was not over so soon.
    async with (
        serve(endpointer={"hangover_ms": 1_000}) as local,
        talk.connect(local.url, f"?interim_ms=0&sample_rate={rate_hz}") as socket,
    ):
        for first in (0, 50, 100):
            begun = first + 18
            await socket.send(b"".join(pieces[first:begun]))
            await talk.receive_until(socket, "utterance.started")
            await socket.send(b"".join(pieces[begun : first + 50]))
            await talk.say(socket, "flush")
            result = (await talk.receive_until(socket, "utterance.result"))[-1]
            spans.append((result["start_ms"], result["end_ms"], result["reason"]))
    assert spans == [(ms, ms + 1_000, "flush") for ms in (0, 1_000, 2_000)]


async def test_flush_and_close_before_any_audio_are_quiet(server):
    async with talk.connect(server.url) as socket:
        await talk.say(socket, "flush")
        await talk.say(socket, "session.close")
        messages = await talk.receive_all(socket)
    assert [m["type"] for m in messages] == ["session.created", "session.closed"]
    assert messages[-1]["received"] == {"audio_ms": 0, "bytes": 0}


async def test_ping_is_answered_with_what_was_received(server):
    async with talk.connect(server.url) as socket:
        await talk.receive(socket)
        await talk.say(socket, "ping", marker="one")
        pong = await talk.receive(socket)
        assert pong == {"type": "pong", "marker": "one", "received_ms": 0, "lag_ms": 0}
        await socket.send(bytes(32 * 700))
        await talk.say(socket, "ping")
        pong = await talk.receive(socket)
        # Silence is not scored: it cannot lag.
        assert pong == {"type": "pong", "marker": "", "received_ms": 700, "lag_ms": 0}


async def test_a_sink_hears_what_the_client_hears(serve, male_wav, caplog):
    # Whatever else is logged: these lines were asked for.
    caplog.set_level("WARNING", "intone")
    caplog.handler.setLevel("INFO")
    async with serve(sinks=("log",)) as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    lines = [r.getMessage() for r in caplog.records if r.name == "intone.engine.sinks"]
    results = talk.of_type(messages, "utterance.result")
    assert len(lines) == len(results) == 1
    assert messages[0]["session_id"] in lines[0]
    assert results[0]["emotion"]["label"] in lines[0]
    (record,) = (r for r in caplog.records if r.name == "intone.engine.sinks")
    assert record.session_id == messages[0]["session_id"]
    assert record.emotion == results[0]["emotion"]["label"]
    assert record.gender == results[0]["gender"]["label"]


class OwnSink:
    """Fails at every second event, and remembers."""

    def __init__(self):
        self.told, self.closed = [], 0

    def tell(self, session_id, event):
        self.told.append((session_id, type(event).__name__))
        if len(self.told) % 2:
            raise ValueError("a sink that fails")

    def close(self):
        assert self.told
        self.closed += 1


async def test_a_sink_that_fails_is_logged_and_keeps_nobody_from_hearing(
    serve, male_wav, caplog, monkeypatch
):
    sink = OwnSink()
    load = plugins.load
    monkeypatch.setattr(
        plugins,
        "load",
        lambda group, name: (lambda _: sink) if name == "own" else load(group, name),
    )
    async with serve(sinks=("own", "log")) as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
        assert sink.closed == 0
    kinds = [m["type"] for m in messages if m["type"].startswith("utterance.")]
    told = [f"utterance.{name.removeprefix('Utterance').lower()}" for _, name in sink.told]
    assert told == kinds
    assert {session_id for session_id, _ in sink.told} == {messages[0]["session_id"]}
    failures = [r for r in caplog.records if "sink own failed" in r.getMessage()]
    assert len(failures) == -(-len(told) // 2)
    # The one after it was told all the same.
    assert any(r.name == "intone.engine.sinks" for r in caplog.records)
    assert sink.closed == 1


async def test_a_session_is_logged_at_start_and_end(serve, male_wav, caplog):
    caplog.set_level("INFO", "intone.web.session")
    async with serve() as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    started, ended = (r for r in caplog.records if r.name == "intone.web.session")
    assert started.session_id == ended.session_id == messages[0]["session_id"]
    assert (started.encoding, started.sample_rate_hz, started.model) == ("s16le", 16_000, "gru")
    assert (ended.encoding, ended.sample_rate_hz, ended.model) == ("s16le", 16_000, "gru")
    assert (ended.reason, ended.utterances) == ("client", 1)
    assert ended.audio_ms == messages[-1]["received"]["audio_ms"]


async def test_the_log_says_at_the_end_what_was_heard_by_whom(serve, caplog):
    caplog.set_level("INFO", "intone.web.session")
    audio = {"encoding": "mulaw", "sample_rate_hz": 8_000, "channels": 2}
    async with serve() as local, talk.connect(local.url) as socket:
        await talk.say(socket, "session.update", audio=audio, model="cnn")
        await socket.send(b"\xff" * 320)
        await talk.say(socket, "session.close")
        messages = await talk.receive_all(socket)
    assert messages[1]["model"]["name"] == "cnn"
    *_, ended = (r for r in caplog.records if r.name == "intone.web.session")
    told = (ended.encoding, ended.sample_rate_hz, ended.channels, ended.model)
    assert told == ("mulaw", 8_000, 2, "cnn")


async def test_the_subprotocol_is_chosen_when_offered(server):
    async with talk.connect(server.url, subprotocols=["other", "intone.v1"]) as socket:
        assert socket.subprotocol == "intone.v1"
    async with talk.connect(server.url) as socket:
        assert socket.subprotocol is None


def test_a_message_says_what_it_said(gru, male_wav):
    for message in expected_events(gru, talk.pcm_of(male_wav)):
        assert decode_server(encode(message)) == message


async def test_what_a_microphone_does_to_the_sound_is_logged(serve, caplog):
    caplog.set_level("INFO")
    source = {"sample_rate_hz": 48_000, "echo_cancellation": True, "device": "Ann's headset"}
    async with serve() as local, talk.connect(local.url) as socket:
        await talk.say(socket, "session.update", source=source)
        assert (await talk.receive_until(socket, "session.updated"))[-1]["interim_ms"] == 500
        await talk.say(socket, "session.update", source={"sample_rate_hz": "much"})
        assert (await talk.receive(socket))["code"] == "invalid_message"
        for _ in range(20):
            for rate_hz in (44_100, 48_000):
                await talk.say(
                    socket, "session.update", source=source | {"sample_rate_hz": rate_hz}
                )
        await socket.send(bytes(640))
        await talk.say(socket, "session.close")
        await talk.receive_all(socket)
    [record] = [r for r in caplog.records if r.getMessage() == "audio source"]
    assert (record.sample_rate_hz, record.echo_cancellation) == (48_000, True)
    assert "headset" not in str(vars(record))
