"""Every architecture over a real socket, by ``model=NAME``; most answer at the end alone."""

import asyncio
import json
import urllib.request
from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
import talk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intone import AudioFormat, Session
from intone.errors import SettingsError
from intone.models import Model, ModelStore
from intone.web import translate, wire
from intone.web.codec import decode_server

NAMES = ("lstm", "bilstm", "cnn", "cnn-bigru")
AT_END = NAMES[1:]


@pytest.fixture(scope="module")
def recognisers(random_models):
    store = ModelStore.load(random_models)
    return {name: store[name].new_recogniser() for name in ("gru", *NAMES)}


@pytest.fixture(scope="module")
def server(start_server, random_models):
    """A process that serves them all, and leaves no interim out, however slow it is just now."""
    flags = [f"--set=engine.{name}_backlog_s=60" for name in ("interim", "refuse", "discard")]
    with start_server("--models-dir", str(random_models), *flags) as running:
        yield running


def expected_events(recogniser, data, audio=None):
    session = Session(audio, model=recogniser)
    return [translate.event(event) for event in session.feed(data) + session.finish()]


def decoded(messages):
    return [decode_server(json.dumps(m)) for m in talk.utterance_events(messages)]


@pytest.mark.parametrize("name", NAMES)
async def test_a_model_is_served_by_its_name(server, recognisers, two_utterances_wav, name):
    data, card = talk.pcm_of(two_utterances_wav), recognisers[name].card
    messages = await talk.hear(server.url, data, query=f"?model={name}")
    assert messages[0]["model"] == {
        "name": name,
        "sha256": card.sha256,
        "emotions": list(card.emotions),
        "genders": ["female", "male"],
        "interims": name not in AT_END,
    }
    assert decoded(messages) == expected_events(recognisers[name], data)
    results = talk.of_type(messages, "utterance.result")
    assert len(results) == 2
    for result in results:
        assert list(result["emotion"]["scores"]) == list(card.emotions)
        assert result["model"] == name
    has_interims = bool(talk.of_type(messages, "utterance.interim"))
    assert has_interims == (name not in AT_END)


async def test_the_configuration_in_effect_says_that_no_interims_come(server):
    async with talk.connect(server.url, "?model=bilstm&interim_ms=250") as socket:
        created = await talk.receive(socket)
        assert (created["interim_ms"], created["model"]["interims"]) == (0, False)
        # What was asked for comes into effect with a model that can.
        await talk.say(socket, "session.update", model="gru")
        updated = await talk.receive(socket)
        assert (updated["interim_ms"], updated["model"]["interims"]) == (250, True)


async def test_one_that_answers_at_the_end_has_interims_of_another(server, two_utterances_wav):
    data, store = talk.pcm_of(two_utterances_wav), ModelStore.load()
    messages = await talk.hear(server.url, data, query="?model=pretrained")
    created = messages[0]
    assert (created["interim_ms"], created["model"]["interim_model"]) == (500, "gru")
    assert decoded(messages) == expected_events(store["pretrained"].new_recogniser(), data)
    interims = talk.of_type(messages, "utterance.interim")
    of_gru = expected_events(store["gru"].new_recogniser(), data)
    assert [decode_server(json.dumps(one)) for one in interims] == [
        event for event in of_gru if isinstance(event, wire.Interim)
    ]
    assert len(interims) > 2
    without = await talk.hear(server.url, data, query="?model=pretrained&interim_ms=0")
    assert decoded(without) == [e for e in decoded(messages) if not isinstance(e, wire.Interim)]


def test_the_list_of_models_says_which_give_interims(server):
    with urllib.request.urlopen(f"{server.url}/v1/models", timeout=20) as answer:
        listed = {entry["name"]: entry for entry in json.load(answer)["models"]}
    assert {name: entry["interims"] for name, entry in listed.items()} == {
        "gru": True, "lstm": True, "bilstm": False, "cnn": False, "cnn-bigru": False,
        "pretrained": True,
    }  # fmt: skip
    others = {
        name: entry["interim_model"] for name, entry in listed.items() if "interim_model" in entry
    }
    assert others == {"pretrained": "gru"}
    assert {listed[name]["kind"] for name in AT_END} == {"utterance"}
    assert sorted({len(entry["emotions"]) for entry in listed.values()}) == [6, 7, 8]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 160_000), max_size=30), name=st.sampled_from(AT_END))
def test_any_chunking_gives_the_same_events(server, recognisers, male_wav, cuts, name):
    data = talk.pcm_of(male_wav)
    bounds = sorted({0, len(data), *(min(2 * cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(bounds)]
    messages = asyncio.run(said(server.url, f"?model={name}", pieces))
    assert decoded(messages) == expected_events(recognisers[name], data)


async def said(url, query, pieces):
    async with talk.connect(url, query) as socket:
        for piece in pieces:
            await socket.send(piece)
        await talk.say(socket, "session.close")
        return await talk.receive_all(socket)


async def test_beside_others_of_every_model_a_session_hears_the_same(
    server, recognisers, male_wav, female_wav, two_utterances_wav
):
    sounds = [talk.pcm_of(path) for path in (two_utterances_wav, male_wav, female_wav)]
    alone = {
        (name, i): expected_events(recogniser, data)
        for name, recogniser in recognisers.items()
        for i, data in enumerate(sounds)
    }
    keys = [(name, i % 3) for i, name in enumerate(10 * list(recognisers))]
    crowd = await asyncio.gather(
        *(
            talk.hear(
                server.url,
                sounds[i],
                piece=1_600 + 320 * (turn % 7),
                query=f"?model={name}",
                open_timeout=30,
            )
            for turn, (name, i) in enumerate(keys)
        )
    )
    for key, messages in zip(keys, crowd, strict=True):
        assert decoded(messages) == alone[key]


async def test_two_channels_are_two_speakers(server, recognisers, male_wav, female_wav):
    voices = [np.frombuffer(talk.pcm_of(path), "<i2") for path in (male_wav, female_wav)]
    length = min(map(len, voices))
    data = np.stack([voice[:length] for voice in voices], axis=1).tobytes()
    messages = await talk.hear(server.url, data, query="?channels=2&model=cnn", piece=6_400)
    assert decoded(messages) == expected_events(recognisers["cnn"], data, AudioFormat(channels=2))
    assert {m["channel"] for m in talk.of_type(messages, "utterance.result")} == {0, 1}


async def test_a_flush_is_answered_now(server, male_wav):
    async with talk.connect(server.url, "?model=cnn-bigru") as socket:
        await socket.send(talk.pcm_of(male_wav)[: 32 * 1_400])
        await talk.say(socket, "flush")
        result = (await talk.receive_until(socket, "utterance.result"))[-1]
    assert (result["reason"], result["end_ms"]) == ("flush", 1_400)


def test_an_upload_is_answered_too(server, recognisers, male_wav):
    request = urllib.request.Request(
        f"{server.url}/v1/analyze?model=bilstm", data=male_wav.read_bytes()
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert found["model"]["interims"] is False
    events = expected_events(recognisers["bilstm"], talk.pcm_of(male_wav))
    results = [event for event in events if isinstance(event, wire.Result)]
    assert [decode_server(json.dumps(one)) for one in found["utterances"]] == results
    assert len(results) == 1


async def test_a_server_refuses_to_start_where_a_model_cannot_hear_an_utterance(
    serve, random_models
):
    model = ModelStore.load(random_models, ("bilstm",))["bilstm"]
    card = msgspec.structs.replace(model.card, longest_frames=32)
    store = ModelStore({"bilstm": replace(model, card=card)})
    with pytest.raises(SettingsError, match="the model bilstm hears 340 ms at most at once"):
        async with serve(models=store, session={"model": "bilstm"}):
            pass


async def test_a_model_that_nobody_asked_for_is_not_in_memory(serve, random_models, male_wav):
    made = []

    class Counted(Model):
        def new_recogniser(self):
            made.append(self.card.name)
            return super().new_recogniser()

    found = ModelStore.load(random_models, ("gru", "bilstm", "cnn"))
    store = ModelStore({m.card.name: Counted(m.card, m.folder, m.content) for m in found.values()})
    async with serve(models=store, session={"model": "bilstm"}) as local:
        # Each was tried out; that of most sessions and one that gives interims stay.
        assert sorted(made) == ["bilstm", "cnn", "gru"]
        for name in ("bilstm", "gru", "cnn", "cnn"):
            await talk.hear(local.url, talk.pcm_of(male_wav), query=f"?model={name}")
        assert made[3:] == ["cnn"]
