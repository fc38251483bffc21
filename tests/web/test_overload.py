"""Overload in earnest: a real server, given twice the speech that its model can take."""

import asyncio
import json
import os
import shutil
import sys

import pytest
import talk
import websockets

from intone import resources

SLOW = '''
"""The shipped model, taking 20 ms a block: eight live speakers and no more."""
import time
from intone.core.tflite import streaming


class Slow:
    def __init__(self, card, model):
        self._real = streaming(card, model)
        self.card = card

    def step(self, windows, states):
        time.sleep(0.02 * len(windows))
        return self._real.step(windows, states)
'''

ENGINE = {
    "max_batch": 4,
    "interim_backlog_s": 0.25,
    "refuse_backlog_s": 1.0,
    "discard_backlog_s": 2.5,
}
"""Backlogs as far apart as in life, on a shorter scale, and each longer than a batch."""


@pytest.fixture
def slow_server(start_server, tmp_path):
    """A server whose model comes by the plugin seam, as anybody's would."""
    info = tmp_path / "slow-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[intone.recognisers]\nslow = slow:Slow\n")
    (tmp_path / "slow.py").write_text(SLOW)
    models = tmp_path / "models"
    shutil.copytree(resources.models_dir() / "gru", models / "gru")
    card = json.loads((models / "gru" / "card.json").read_text())
    (models / "gru" / "card.json").write_text(json.dumps({**card, "kind": "slow"}))
    program = tmp_path / "serve.py"
    program.write_text(
        f"import sys\nsys.path.insert(0, {os.fspath(tmp_path)!r})\n"
        "from intone.cli import main\nmain()\n"
    )
    flags = ["--models-dir", str(models), "--model", "gru"]
    flags += [f"--set=engine.{name}={value}" for name, value in ENGINE.items()]
    with start_server(*flags, program=(sys.executable, program)) as running:
        yield running


def scrape(server):
    """Every line of /metrics by its name and labels."""
    lines = talk.scrape(server.url).splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs}


DROPPED = "intone_interims_dropped_total"
REFUSED = 'intone_connections_rejected_total{reason="overloaded"}'
DISCARDED = 'intone_utterances_total{end_reason="overloaded"}'


STEPS = (DROPPED, REFUSED, DISCARDED)


class Speaker:
    """Somebody who was there before: speaks at real time until told to stop, and hears all."""

    def __init__(self, server, data):
        self._server, self._data = server, data
        self.messages = []
        self.has_enough = asyncio.Event()

    @property
    def results(self):
        return len(talk.of_type(self.messages, "utterance.result"))

    async def hold(self):
        async with talk.connect(self._server.url, "?interim_ms=200") as socket:
            speaking = asyncio.create_task(self._speak(socket))
            self.messages = []
            try:
                while True:
                    self.messages.append(json.loads(await socket.recv()))
            except websockets.ConnectionClosed:
                await speaking

    async def _speak(self, socket):
        position, due_s = 0, asyncio.get_running_loop().time()
        while not self.has_enough.is_set():
            await socket.send(self._data[position : position + 6_400])
            position = (position + 6_400) % len(self._data)
            due_s += 0.2
            await asyncio.sleep(due_s - asyncio.get_running_loop().time())
        await talk.say(socket, "session.close")


async def knock(server):
    """Try to open a session; return whether it was refused as it should be."""
    try:
        async with talk.connect(server.url):
            return False
    except websockets.InvalidStatus as refused:
        response = refused.response
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert json.loads(response.body)["error"]["code"] == "overloaded"
    return True


def have_results(speakers, goals):
    return all(speaker.results >= goal for speaker, goal in zip(speakers, goals, strict=True))


async def test_twice_the_load_drops_interims_then_refuses_then_discards_by_name(
    slow_server, male_wav, female_wav
):
    # Two thirds of it speech: 24 of them fill the time of the model twice.
    speech = [talk.pcm_of(path)[:48_000] + bytes(19_200) for path in (male_wav, female_wav)]
    speakers = [Speaker(slow_server, speech[i % 2]) for i in range(24)]
    holding = [asyncio.create_task(speaker.hold()) for speaker in speakers]
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + 3 * talk.DEADLINE_S
    seen = []
    goals = None
    while DISCARDED not in seen or goals is None or not have_results(speakers, goals):
        assert loop.time() < deadline_s, (seen, [s.results for s in speakers])
        counts = await loop.run_in_executor(None, scrape, slow_server)
        seen += [step for step in STEPS if counts.get(step) and step not in seen]
        if await knock(slow_server) and goals is None:
            goals = [speaker.results + 1 for speaker in speakers]
        await asyncio.sleep(0.05)
    # In this order, and those who were there went on getting results all the while.
    assert tuple(seen) == STEPS
    for speaker in speakers:
        speaker.has_enough.set()
    await asyncio.wait_for(asyncio.gather(*holding), 2 * talk.DEADLINE_S)
    counts = await loop.run_in_executor(None, scrape, slow_server)
    assert_nothing_is_lost(speakers, counts)
    assert not await knock(slow_server), "with the load gone, there is room again"


def assert_nothing_is_lost(speakers, counts):
    told = {"result": 0, "overloaded": 0}
    for speaker in speakers:
        started = [m["utterance_id"] for m in talk.of_type(speaker.messages, "utterance.started")]
        ended = [
            m["utterance_id"]
            for m in speaker.messages
            if m["type"] in ("utterance.result", "utterance.discarded")
        ]
        assert sorted(ended) == started == list(range(1, len(started) + 1))
        closed = speaker.messages[-1]
        assert closed["type"] == "session.closed"
        assert closed["produced"]["utterances"] == speaker.results
        told["result"] += speaker.results
        told["overloaded"] += sum(
            m["reason"] == "overloaded"
            for m in talk.of_type(speaker.messages, "utterance.discarded")
        )
    assert counts[DISCARDED] == told["overloaded"]
    assert counts["intone_utterance_duration_seconds_count"] == told["result"]
