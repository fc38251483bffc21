"""The client against real servers: the same results, and back after a loss."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest

from intone import client
from intone.audio_files import open_audio
from intone.errors import (
    InvalidAudioFrame,
    ServerUnavailable,
    Unauthorized,
    UnknownModel,
    UnsupportedAudio,
)
from intone.session import Session
from intone.types import (
    AudioFormat,
    Decision,
    EndReason,
    Event,
    UtteranceInterim,
    UtteranceResult,
    UtteranceStarted,
)

TOKEN = "only-for-this-test"
SOON = client.ReconnectPolicy(first_delay_s=(0.05, 0.1), max_delay_s=0.2, max_tries=200)
DEADLINE_S = 30.0
"""A server's start is the longest thing waited for."""


def read(path) -> tuple[AudioFormat, bytes]:
    with open_audio(path) as audio:
        return audio.audio, b"".join(audio.blocks())


def in_process(path) -> list[Event]:
    audio, pcm = read(path)
    session = Session(audio)
    return [_rounded(event) for event in session.feed(pcm) + session.finish()]


def _rounded(event: Event) -> Event:
    """The wire's four decimals."""
    if not isinstance(event, (UtteranceResult, UtteranceInterim)):
        return event
    found = {}
    for name in ("emotion", "gender"):
        decision = getattr(event, name)
        scores = {label: round(score, 4) for label, score in decision.scores.items()}
        found[name] = Decision(decision.label, round(decision.confidence, 4), scores)
    return replace(event, **found)


async def until(stream, kind) -> client.StreamEvent:
    async def wait():
        async for event in stream:
            if isinstance(event, kind):
                return event
        raise AssertionError(f"the session ended without {kind.__name__}")

    return await asyncio.wait_for(wait(), DEADLINE_S)


async def rest(stream) -> list[client.StreamEvent]:
    return [event async for event in stream]


@pytest.mark.parametrize("name", ["two_utterances_wav", "stereo_wav"])
async def test_events_are_those_of_a_session_in_this_process(server, request, name):
    path = request.getfixturevalue(name)
    audio, pcm = read(path)
    async with client.connect(server.ws_url, audio=audio) as stream:
        assert stream.session.audio == audio
        assert stream.session.model == "gru"
        await stream.send(pcm)
        totals = await stream.close()
        first, *events, last = await rest(stream)
    assert first == stream.session
    assert last == totals
    assert events == in_process(path)
    results = [event for event in events if isinstance(event, UtteranceResult)]
    assert results
    assert all(result.latency_ms is not None for result in results)
    assert totals.utterances == len(results)
    assert totals.received_bytes == len(pcm)


async def test_events_come_while_audio_still_goes(server, two_utterances_wav):
    _, pcm = read(two_utterances_wav)
    async with client.connect(server.ws_url, interim_ms=200) as stream:
        sending = asyncio.create_task(stream.send(pcm))
        interim = await until(stream, UtteranceInterim)
        assert interim.end_ms - interim.start_ms < 5_000
        result = await until(stream, UtteranceResult)
        assert result.reason is EndReason.SILENCE
        await sending


@pytest.mark.parametrize(
    ("model", "interim_ms", "of"),
    [
        ("gru", 500, "gru"),
        ("pretrained", 500, "gru"),
        ("pretrained", 0, None),
        ("cnn", 500, None),
    ],
)
async def test_a_session_says_whose_its_interims_are(server, model, interim_ms, of):
    async with client.connect(server.ws_url, model=model, interim_ms=interim_ms) as stream:
        created = stream.session
    assert (created.model, created.interim_model) == (model, of)
    assert created.interim_ms == (interim_ms if of else 0)


async def test_flush_ends_the_utterance_now_and_ping_says_how_far_the_server_is(server, male_wav):
    _, pcm = read(male_wav)
    half = pcm[: 16_000 * 2 * 3 // 2]
    async with client.connect(server.ws_url) as stream:
        await stream.send(half)
        pong = await asyncio.wait_for(stream.ping(), DEADLINE_S)
        assert pong.received_ms == 1_500
        assert 0 <= pong.lag_ms <= 1_500
        await stream.flush()
        assert (await until(stream, UtteranceResult)).reason is EndReason.FLUSH


async def test_a_long_piece_is_cut_to_what_a_message_may_be(server):
    async with client.connect(server.ws_url) as stream:
        assert stream.session.limits.max_frame_ms < 25_000
        await stream.send(bytes(25 * 32_000))
        totals = await stream.close()
        events = await rest(stream)
    assert totals.received_audio_ms == 25_000
    assert not any(isinstance(event, client.ServerError) for event in events)


async def test_a_file_of_any_length_stays_within_the_server_s_limits(start_server, male_wav):
    _, pcm = read(male_wav)
    flags = ("--set", "limits.max_rate=40", "--set", "limits.max_rate_burst_s=2")
    with start_server(*flags) as running:
        async with client.connect(running.ws_url) as stream:
            # Some 28 s of audio, where 2 s may come at once.
            blocks = [pcm[start : start + 8_000] for start in range(0, len(pcm), 8_000)] * 10
            await asyncio.wait_for(client.send_file(stream, blocks), DEADLINE_S)
            totals = await stream.close()
            events = await rest(stream)
    assert totals.received_bytes == sum(map(len, blocks))
    assert not any(isinstance(event, client.ServerError) for event in events)


@pytest.mark.parametrize("is_in_one", [True, False])
async def test_a_whole_recording_may_come_as_one_block(server, is_in_one):
    # Over the 30 s that a server takes at once.
    pcm = bytes(45 * 32_000)
    blocks = [pcm] if is_in_one else [pcm[:1_000_000], pcm[1_000_000:]]
    async with client.connect(server.ws_url) as stream:
        await asyncio.wait_for(client.send_file(stream, blocks), DEADLINE_S)
        assert (await stream.close()).received_bytes == len(pcm)


async def test_who_aborts_is_not_told_that_it_was_aborted(server):
    async with client.connect(server.ws_url) as stream:
        await stream.abort()
        with pytest.raises(ServerUnavailable, match="aborted"):
            await stream.send(bytes(320))


async def test_leaving_the_block_closes_the_session(server):
    async with client.connect(server.ws_url) as stream:
        await stream.send(bytes(320))
    events = await rest(stream)
    assert isinstance(events[-1], client.SessionClosed)
    with pytest.raises(ServerUnavailable, match="closed"):
        await stream.send(bytes(320))


async def test_an_error_in_the_block_is_the_caller_s_and_drops_the_session(server):
    with pytest.raises(ZeroDivisionError):
        async with client.connect(server.ws_url):
            _ = 1 / 0


@pytest.mark.parametrize(
    ("choices", "kind"),
    [
        ({"model": "nobody"}, UnknownModel),
        ({"audio": AudioFormat(sample_rate_hz=12_345)}, UnsupportedAudio),
        ({"audio": AudioFormat("mulaw", 8_000)}, UnsupportedAudio),
        ({"audio": AudioFormat(channels=3)}, UnsupportedAudio),
    ],
)
async def test_what_the_server_does_not_have_is_refused_when_connecting(server, choices, kind):
    with pytest.raises(kind):
        async with client.connect(server.ws_url, **choices):
            pass


async def test_a_torn_sample_is_refused_here_and_the_session_goes_on(server):
    async with client.connect(server.ws_url, audio=AudioFormat(channels=2)) as stream:
        with pytest.raises(InvalidAudioFrame, match="6 bytes"):
            await stream.send(bytes(6))
        await stream.send(bytes(8))
        assert (await stream.close()).received_bytes == 8


async def test_a_token_opens_a_guarded_server_and_nothing_else_does(start_server, tmp_path):
    secrets = tmp_path / "tokens"
    secrets.write_text(TOKEN, encoding="utf-8")
    with start_server("--token-file", str(secrets), "--log-level", "debug") as guarded:
        async with client.connect(guarded.ws_url, token=TOKEN) as stream:
            assert stream.session.session_id
        for wrong in (None, "another"):
            with pytest.raises(Unauthorized):
                async with client.connect(guarded.ws_url, token=wrong, reconnect=SOON):
                    pass
    assert TOKEN not in guarded.log.read_text(encoding="utf-8")


async def test_no_server_is_said_without_a_traceback_s_help():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ServerUnavailable, match=f"cannot connect to ws://127.0.0.1:{port}/v1/stre"):
        async with client.connect(f"ws://127.0.0.1:{port}"):
            pass
    with pytest.raises(ServerUnavailable) as raised:
        async with client.connect(f"ws://somebody:{TOKEN}@127.0.0.1:{port}"):
            pass
    assert f"cannot connect to ws://127.0.0.1:{port}/v1/stream" in str(raised.value)


# --- a real loss ----------------------------------------------------------------------


async def test_a_server_that_stops_and_starts_again_is_found_again(start_server, male_wav):
    _, pcm = read(male_wav)
    with start_server() as first:
        async with client.connect(first.ws_url, reconnect=SOON) as stream:
            before = stream.session.session_id
            await stream.send(pcm[:48_000])
            await until(stream, UtteranceStarted)
            assert await asyncio.to_thread(first.stop) == 0
            # What was heard has its result, although the server went away.
            assert isinstance(await until(stream, UtteranceResult), UtteranceResult)
            assert (await until(stream, client.SessionClosed)).reason == "server_shutdown"
            assert (await until(stream, client.Reconnecting)).lost_utterances == ()
            await stream.send(bytes(16_000))
            with ExitStack() as second:
                again = start_server("--port", str(first.port))
                await asyncio.to_thread(second.enter_context, again)
                back = await until(stream, client.Reconnected)
                assert back.dropped_ms == stream.dropped_ms == 500
                assert back.session.session_id != before
                await stream.send(pcm)
                await stream.close()
                events = await rest(stream)
    results = [event for event in events if isinstance(event, UtteranceResult)]
    assert [result.utterance_id for result in results] == [1]


async def test_closing_while_the_server_is_away_says_so(start_server):
    with start_server() as running:
        connecting = client.connect(running.ws_url, reconnect=SOON)
        stream = await connecting.__aenter__()
        await asyncio.to_thread(running.stop)
        await until(stream, client.Reconnecting)
        with pytest.raises(ServerUnavailable, match="down"):
            await stream.ping()
        with pytest.raises(ServerUnavailable, match="while the connection was down"):
            await connecting.__aexit__(None, None, None)
