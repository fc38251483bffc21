"""What a server was started with reaches its sessions and uploads: each changes what comes out."""

from __future__ import annotations

from itertools import pairwise

import aiohttp
import pytest
import talk

JOINED = {"hangover_ms": 3_000}
"""Two utterances are one."""
SPLIT = {"max_utterance_ms": 1_500}


@pytest.fixture(params=["stream", "upload"])
def utterances(request, two_utterances_wav):
    """What a server hears in the file of two utterances."""

    async def hear(local):
        if request.param == "stream":
            messages = await talk.hear(local.url, talk.pcm_of(two_utterances_wav))
            return [*talk.of_type(messages, "utterance.result")]
        url, body = f"{local.url}/v1/analyze", two_utterances_wav.read_bytes()
        async with aiohttp.ClientSession() as client, client.post(url, data=body) as response:
            assert response.status == 200
            return (await response.json())["utterances"]

    return hear


async def test_how_utterances_are_cut(serve, utterances):
    async with serve() as local:
        usual = await utterances(local)
    async with serve(endpointer=JOINED) as local:
        (joined,) = await utterances(local)
    assert len(usual) == 2
    assert joined["start_ms"] == usual[0]["start_ms"]
    assert joined["end_ms"] >= usual[1]["end_ms"]


async def test_what_is_split_names_the_utterance_it_goes_on_from(serve, utterances):
    async with serve(endpointer=SPLIT) as local:
        heard = await utterances(local)
    assert any("continues" in one for one in heard)
    assert "continues" not in heard[0]
    by_id = {one["utterance_id"]: one for one in heard}
    for one in heard:
        assert one["end_ms"] - one["start_ms"] <= 1_500
        if "continues" in one:
            before = by_id[one["continues"]]
            assert before["reason"] == "max_duration"
            assert before["end_ms"] == one["start_ms"]


async def test_a_start_names_it_too(serve, two_utterances_wav):
    async with serve(endpointer=SPLIT) as local:
        messages = await talk.hear(local.url, talk.pcm_of(two_utterances_wav))
    of_starts = [m.get("continues") for m in talk.of_type(messages, "utterance.started")]
    ended = talk.of_type(messages, "utterance.result") + talk.of_type(
        messages, "utterance.discarded"
    )
    assert any(of_starts)
    by_id = {m["utterance_id"]: m.get("continues") for m in ended if m["type"].endswith("result")}
    assert by_id.items() <= dict(enumerate(of_starts, start=1)).items()


async def test_which_model_answers(serve, utterances):
    async with serve(session={"model": "cnn"}) as local:
        assert {one["model"] for one in await utterances(local)} == {"cnn"}


@pytest.mark.parametrize(("interim_ms", "apart_ms"), [(0, 0), (320, 320), (800, 800)])
async def test_how_often_interims_come(serve, male_wav, interim_ms, apart_ms):
    # However busy the machine, none is left out.
    patient = {f"{name}_backlog_s": 60.0 for name in ("interim", "refuse", "discard")}
    async with serve(session={"interim_ms": interim_ms}, engine=patient) as local:
        messages = await talk.hear(local.url, talk.pcm_of(male_wav))
    ends = [m["end_ms"] for m in talk.of_type(messages, "utterance.interim")]
    assert messages[0]["interim_ms"] == interim_ms
    assert len(ends) >= 2 if interim_ms else not ends
    assert {after - before for before, after in pairwise(ends)} <= {apart_ms}


async def test_which_frames_are_speech(serve, utterances):
    async with serve(endpointer={"floor_dbfs": 0.0}) as local:
        assert await utterances(local) == []
