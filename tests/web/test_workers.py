"""``intone serve --workers N``: real processes, which share an address and nothing else."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import talk
from plugin import with_plugin

from intone import resources
from intone.errors import SettingsError
from intone.settings import LimitSettings, ServerSettings

pytest.importorskip("gunicorn", reason="gunicorn does not run on Windows")

from gunicorn.arbiter import Arbiter

from intone.web.parent import Parent

MANY = ("--workers", "2", "--log-format", "json")
INTONE = (sys.executable, "-m", "intone", "serve", "--port", "0", "--workers", "2")


def logged(server):
    """The log's lines so far; standard output is not among them."""
    text = server.log.read_text(encoding="utf-8")
    # Behind the last newline a line may be half written.
    return [json.loads(line) for line in text.split("\n")[:-1] if line.startswith("{")]


def worker_of(server):
    """Session id to the worker that holds it."""
    lines = [line for line in logged(server) if line["message"] == "session started"]
    return {line["session_id"]: line["pid"] for line in lines}


def workers_of(server):
    """The children that are there just now."""
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return {int(child) for child in children.split()}


def serving(server):
    """Those that have come to serve, whether or not they still do."""
    return {line["pid"] for line in logged(server) if line["message"] == "worker serves"}


async def both(server):
    """The two workers, once both are there: the second is started a moment after the first."""
    await talk.until(lambda: len(workers_of(server)) == 2)
    return workers_of(server)


def scraped(server, line):
    """The value of one line of /metrics."""
    return talk.value_of(talk.scrape(server.url), line)


ACTIVE = 'intone_connections_active{protocol="intone.v1"}'


async def worker_that_holds(server, session_id):
    await talk.until(lambda: session_id in worker_of(server))
    return worker_of(server)[session_id]


@contextlib.asynccontextmanager
async def sessions_on(server, pids):
    """One session on each of ``pids``, as pid to its socket; others are opened and closed."""
    async with contextlib.AsyncExitStack() as stack:
        held = {}
        deadline_s = time.monotonic() + talk.DEADLINE_S
        while held.keys() < pids:
            assert time.monotonic() < deadline_s, f"only {held.keys()} of {pids} take sessions"
            spoken = await talk.connect(server.url)
            session_id = (await talk.receive(spoken))["session_id"]
            pid = await worker_that_holds(server, session_id)
            if pid in held or pid not in pids:
                await spoken.close()
            else:
                held[pid] = spoken
                stack.push_async_callback(spoken.close)
        yield held


async def hear(spoken, data):
    """What a session answers to ``data``, up to the result."""
    await spoken.send(data)
    await spoken.send(bytes(64_000))
    return await talk.receive_until(spoken, "utterance.result")


async def until_scraped(server, line, value):
    loop = asyncio.get_running_loop()
    deadline_s = time.monotonic() + talk.DEADLINE_S
    while (found := await loop.run_in_executor(None, scraped, server, line)) != value:
        assert time.monotonic() < deadline_s, f"{line} is {found}, not {value}"
        await asyncio.sleep(0.05)


async def test_both_serve_the_same_and_one_scrape_has_the_sum(start_server, male_wav):
    data = talk.pcm_of(male_wav)
    with start_server(*MANY) as server:
        async with sessions_on(server, await both(server)) as held:
            answers = [await hear(spoken, data) for spoken in held.values()]
            assert talk.utterance_events(answers[0]) == talk.utterance_events(answers[1])
            # Whichever worker is asked; those that looked for a place are gone by then.
            await until_scraped(server, ACTIVE, 2)
            for _ in range(8):
                assert scraped(server, 'intone_utterances_total{end_reason="silence"}') == 2
                assert scraped(server, "intone_result_latency_seconds_count") == 2
        pids = {line["pid"] for line in logged(server) if line["message"] == "session ended"}
        assert pids <= set(held)


async def test_a_killed_worker_comes_back_and_the_others_sessions_do_not_notice(
    start_server, male_wav
):
    data = talk.pcm_of(male_wav)
    with start_server(*MANY) as server:
        before = await both(server)
        async with sessions_on(server, before) as held:
            killed, spared = before
            await held[spared].send(data[:48_000])
            await talk.receive_until(held[spared], "utterance.started")
            os.kill(killed, signal.SIGKILL)
            await talk.receive_all(held[killed])
            assert held[killed].close_code == 1006
            await talk.until(lambda: len(workers_of(server) - before) == 1)
            (fresh,) = workers_of(server) - before
            # What the dead one held open is no longer counted, what it counted is.
            await until_scraped(server, ACTIVE, 1)
            assert scraped(server, 'intone_connections_total{protocol="intone.v1"}') >= 2
            async with sessions_on(server, {fresh}) as newer:
                assert talk.of_type(await hear(newer[fresh], data), "utterance.result")
            messages = await hear(held[spared], data[48_000:])
            assert talk.of_type(messages, "utterance.result")[0]["utterance_id"] == 1


async def test_a_reload_drains_the_old_and_serves_by_new_settings(start_server, tmp_path, male_wav):
    tokens = tmp_path / "tokens"
    tokens.write_text("alpha\n", encoding="utf-8")
    with start_server(*MANY, "--token-file", str(tokens)) as server:
        before = await both(server)
        old = {"additional_headers": {"Authorization": "Bearer alpha"}}
        new = {"additional_headers": {"Authorization": "Bearer beta"}}
        async with talk.connect(server.url, **old) as spoken:
            await spoken.send(talk.pcm_of(male_wav)[:48_000])
            await talk.receive_until(spoken, "utterance.started")
            # What does not read is refused, and nothing happens to anybody.
            tokens.write_text("", encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            await talk.until(lambda: "not reloaded" in server.log.read_text(encoding="utf-8"))
            assert workers_of(server) == before
            tokens.write_text("beta\n", encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            messages = await talk.receive_all(spoken)
            assert spoken.close_code == 1001
        assert talk.of_type(messages, "utterance.result")[0]["reason"] == "end_of_stream"
        assert messages[-1]["reason"] == "server_shutdown"
        await talk.until(lambda: before.isdisjoint(workers_of(server)))
        assert len(workers_of(server)) == 2
        heard = await talk.hear(server.url, talk.pcm_of(male_wav), **new)
        assert talk.of_type(heard, "utterance.result")
        with pytest.raises(Exception, match="401"):
            await talk.hear(server.url, b"\0\0", **old)
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


@contextlib.contextmanager
def reloadable(start_server, tmp_path, code):
    """A server that may be told of the sink ``made`` of ``code``, and its settings file."""
    settings = tmp_path / "intone.toml"
    settings.write_text("", encoding="utf-8")
    ((name, folder),) = with_plugin(tmp_path, "sinks", code).items()
    program = ("env", f"{name}={folder}", sys.executable, "-m", "intone")
    with start_server(*MANY, "--config", str(settings), program=program) as server:
        yield server, settings


async def test_a_reload_that_no_worker_starts_with_leaves_those_who_serve(start_server, tmp_path):
    """Only a worker makes the sinks: by then the old ones would have been gone."""
    code = "def made(_): raise ValueError('the database is away')"
    with reloadable(start_server, tmp_path, code) as (server, settings):
        before = await both(server)
        await talk.until(lambda: serving(server) == before)
        settings.write_text('sinks = ["made"]', encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        await talk.until(lambda: "the database is away" in server.log.read_text("utf-8"))
        await talk.until(lambda: workers_of(server) == before)
        async with sessions_on(server, before):
            pass
        # Once it is mended, they are replaced, and told so no more than once.
        settings.write_text("", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        await talk.until(lambda: before.isdisjoint(workers_of(server)))
        await talk.until(lambda: len(serving(server)) == 4)
    assert "SIGUSR2" not in server.log.read_text("utf-8")


@contextlib.asynccontextmanager
async def reloading(start_server, tmp_path):
    """A server whose new workers serve once a gate is there, and its old ones."""
    gate = tmp_path / "gate"
    code = WAITS_FOR_A_FILE.format(str(gate))
    with reloadable(start_server, tmp_path, code) as (server, settings):
        before = await both(server)
        await talk.until(lambda: serving(server) == before)
        settings.write_text('sinks = ["made"]', encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        await talk.until(lambda: len(list(tmp_path.glob("gate-*"))) == 2)
        yield server, before, gate


async def test_no_worker_leaves_before_others_serve(start_server, tmp_path):
    """Each new one waits until it may start: so long the old ones answer."""
    async with reloading(start_server, tmp_path) as (server, before, gate):
        for _ in range(3):
            # The parent has woken, more than once, by the time that this is answered.
            server.process.send_signal(signal.SIGCHLD)
            async with sessions_on(server, before):
                pass
        assert before < workers_of(server)
        gate.touch()
        await talk.until(lambda: before.isdisjoint(workers_of(server)))


async def test_a_new_worker_that_dies_leaves_no_old_one_in_its_place(start_server, tmp_path):
    """It would go on serving by the old settings, tokens that were withdrawn among them."""
    async with reloading(start_server, tmp_path) as (server, before, gate):
        # As the system kills one that takes the last memory.
        killed = max(workers_of(server) - before)
        os.kill(killed, signal.SIGKILL)
        await talk.until(lambda: len(list(tmp_path.glob("gate-*"))) == 3)
        gate.touch()
        await talk.until(lambda: before.isdisjoint(workers_of(server)))
        await talk.until(lambda: len(workers_of(server) - {killed}) == 2)


async def test_what_ended_workers_counted_stays_in_one_file(start_server, male_wav):
    data = talk.pcm_of(male_wav)
    with start_server(*MANY) as server:
        opened = results = 0
        for _ in range(3):
            before = await both(server)
            await until_serving(server, before)
            async with sessions_on(server, before) as held:
                for spoken in held.values():
                    await hear(spoken, data)
            opened = scraped(server, 'intone_connections_total{protocol="intone.v1"}')
            results += 2
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            await until_gone(server, before)
        after = await both(server)
        await until_serving(server, after)
        line = "intone_result_latency_seconds_count"
        await until_scraped(server, line, results)
        assert scraped(server, 'intone_connections_total{protocol="intone.v1"}') == opened
        (folder,) = metrics_folders(server)
        assert {path.stem for path in folder.glob("counter_*")} <= {
            "counter_ended",
            *(f"counter_{pid}" for pid in after),
        }
        assert (folder / "histogram_ended.db").exists()


async def until_serving(server, pids):
    await talk.until(lambda: pids <= serving(server))


async def until_gone(server, pids):
    await talk.until(lambda: pids.isdisjoint(workers_of(server)))


def metrics_folders(server):
    """Where its workers count, by the files that they have open."""
    found = set()
    for pid in workers_of(server):
        for link in Path(f"/proc/{pid}/map_files").iterdir():
            with contextlib.suppress(OSError):
                target = link.readlink()
                if target.suffix == ".db":
                    found.add(target.parent)
    return found


def test_a_worker_for_which_there_is_no_room_is_started_later(monkeypatch):
    def fails(_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Arbiter, "spawn_worker", fails)
    parent = Parent.__new__(Parent)
    parent.worker_age = 4
    noted = []
    parent.app = SimpleNamespace(note_serving=lambda age, **_: noted.append(age), has_served=True)
    assert parent.spawn_worker() == 0
    assert noted == [5]
    assert not parent._may_start
    # Before any has served there is nothing to keep.
    parent.app.has_served = False
    with pytest.raises(OSError, match="Read-only"):
        parent.spawn_worker()


async def test_a_reload_warns_of_an_address_that_it_does_not_listen_on(start_server, tmp_path):
    settings = tmp_path / "intone.toml"
    settings.write_text("", encoding="utf-8")

    async def reload(text: str) -> int:
        """Return how many warnings there are, once the workers are others."""
        before = await both(server)
        settings.write_text(text, encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        await talk.until(lambda: before.isdisjoint(workers_of(server)))
        return server.log.read_text(encoding="utf-8").count("another address to listen on")

    with start_server(*MANY, "--config", str(settings)) as server:
        assert await reload('host = "127.0.0.2"') == 1
        assert await reload('host = "127.0.0.2"') == 2
        assert await reload('host = "127.0.0.1"') == 2


def test_a_stop_drains_every_worker_and_leaves_nothing(male_wav, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(INTONE, stdout=subprocess.PIPE, text=True, env=environment)
    with process:
        url = re.search(r"http://\S+\d", process.stdout.readline())[0]
        assert [path.name[:15] for path in tmp_path.iterdir()] == ["intone-metrics-"]

        async def speak_until_it_stops():
            sessions = [await talk.connect(url) for _ in range(8)]
            for spoken in sessions:
                await spoken.send(talk.pcm_of(male_wav)[:48_000])
                await talk.receive_until(spoken, "utterance.started")
            process.terminate()
            for spoken in sessions:
                messages = await talk.receive_all(spoken)
                assert spoken.close_code == 1001
                assert talk.of_type(messages, "utterance.result")
                assert messages[-1]["reason"] == "server_shutdown"

        asyncio.run(speak_until_it_stops())
        assert process.wait(timeout=20) == 0
    assert list(tmp_path.iterdir()) == []


def test_who_asks_twice_does_not_wait():
    process = subprocess.Popen(INTONE, stdout=subprocess.PIPE, text=True)
    with process:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port)) as holder:
            holder.sendall(talk.UPGRADE)
            assert holder.recv(64).startswith(b"HTTP/1.1 101")
            process.terminate()
            # A worker that holds nobody is gone at once, and resets what it just took; the one
            # that does says that it stops.
            answer = talk.answer_when_not_ready(f"http://127.0.0.1:{port}", passing=OSError)
            assert answer[0] == 503
            process.terminate()
            assert process.wait(timeout=20) == 128 + signal.SIGTERM


def refused(*flags):
    """Exit code and last words of a server that does not start."""
    process = subprocess.run(
        [*INTONE, *flags], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in process.stderr
    return process.returncode, process.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--model", "oracle"), 1, "unknown_model"),
        (("--models-dir", "/nowhere"), 1, "/nowhere"),
        (("--set", "sinks=nowhere"), 2, "'nowhere'"),
        (("--set", "endpointer.vad=nowhere"), 2, "'nowhere'"),
        (("--host", "192.0.2.1"), 2, "without a token"),
        (("--host", "nowhere.invalid", "--token", "alpha"), 2, "cannot listen on nowhere.invalid"),
        (("--workers", "0"), 2, "workers must be between"),
        (("--set", "limits.max_sessions=1"), 2, "workers share limits.max_sessions"),
    ],
)
def test_what_cannot_work_is_refused_before_any_worker_starts(flags, code, words):
    ended, said = refused(*flags)
    assert (ended, words in said) == (code, True), said


def test_a_port_in_use_is_refused(server):
    code, said = refused("--port", str(server.port))
    assert code == 1
    assert "address_in_use" in said


AT_ONCE = """
from intone.errors import SettingsError

def made(_):
    raise SettingsError("the sink is shut")
"""

ONE_AFTER_THE_OTHER = """
import os, select, signal
from pathlib import Path
from intone.errors import SettingsError

def made(_):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    own = Path(__file__).with_name(str(os.getpid()))
    own.write_text(own.name)
    first = own.with_name("first")
    try:
        os.link(own, first)
    except FileExistsError:
        ended = os.pidfd_open(int(first.read_text()))
        select.select([ended], [], [])
    raise SettingsError("the sink is shut")
"""


@pytest.mark.parametrize("code", [AT_ONCE, ONE_AFTER_THE_OTHER])
def test_workers_that_cannot_start_after_all_end_the_server(code, tmp_path):
    """A sink may be there, and fail when it is opened: in one worker while others stop for it."""
    environment = {**os.environ, **with_plugin(tmp_path, "sinks", code)}
    process = subprocess.run(
        [*INTONE, "--set", "sinks=made"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert "the sink is shut" in process.stderr
    assert "worker_failed" in process.stderr.splitlines()[-1]


WHILE_A_FILE_IS_THERE = """
from pathlib import Path
from intone.engine.sinks import LogSink
from intone.errors import SettingsError

def made(_):
    if Path(__file__).with_name("away").exists():
        raise SettingsError("the database is away")
    return LogSink()
"""


SPEAKS_NONSENSE_IN_TIME = """
from pathlib import Path
import numpy as np
from intone.core.tflite import streaming

class Mute:
    def __init__(self, recogniser):
        self._recogniser, self.card = recogniser, recogniser.card

    def step(self, windows, states):
        output = self._recogniser.step(windows, states)
        output.emotion_logits[:] = np.nan
        return output

def made(card, model):
    recogniser = streaming(card, model)
    return Mute(recogniser) if Path(__file__).with_name("mute").exists() else recogniser
"""


def test_a_reload_with_a_model_that_says_nothing_usable_changes_nothing(start_server, tmp_path):
    """It loads well, and fails when it is run: by then the old workers would have been gone."""
    ((name, folder),) = with_plugin(tmp_path, "recognisers", SPEAKS_NONSENSE_IN_TIME).items()
    shutil.copytree(resources.models_dir() / "gru", tmp_path / "models" / "gru")
    path = tmp_path / "models" / "gru" / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(card | {"kind": "made"}), encoding="utf-8")
    program = ("env", f"{name}={folder}", sys.executable, "-m", "intone")
    flags = ("--models-dir", str(tmp_path / "models"), "--model", "gru")
    with start_server(*MANY, *flags, program=program) as server:
        before = asyncio.run(both(server))
        asyncio.run(talk.until(lambda: serving(server) == before))
        (tmp_path / "mute").touch()
        server.process.send_signal(signal.SIGHUP)
        asyncio.run(talk.until(lambda: "not finite" in server.log.read_text(encoding="utf-8")))
        (refusal,) = (line for line in logged(server) if "not finite" in line["message"])
        assert "the workers go on as they were" in refusal["message"]
        assert workers_of(server) == before


WAITS_FOR_A_FILE = """
import os, pathlib, time
class Sink:
    def tell(self, session_id, event): pass
    def close(self): pass
def made(_):
    gate = pathlib.Path({0!r})
    gate.with_name(f"gate-{{os.getpid()}}").touch()
    while not gate.exists():
        time.sleep(0.01)
    return Sink()
"""


async def test_a_worker_that_cannot_be_replaced_for_now_ends_nobody(
    start_server, male_wav, tmp_path
):
    data = talk.pcm_of(male_wav)
    away = tmp_path / "away"
    ((name, folder),) = with_plugin(tmp_path, "sinks", WHILE_A_FILE_IS_THERE).items()
    program = ("env", f"{name}={folder}", sys.executable, "-m", "intone")
    with start_server(*MANY, "--set", "sinks=made", program=program) as server:
        before = await both(server)
        async with sessions_on(server, before) as held:
            killed, spared = before
            away.touch()
            os.kill(killed, signal.SIGKILL)
            await talk.until(lambda: "the database is away" in server.log.read_text("utf-8"))
            await until_scraped(server, ACTIVE, 1)
            assert talk.of_type(await hear(held[spared], data), "utterance.result")
            away.unlink()
            # Those that failed are among the children for a moment, but never say this.
            await talk.until(lambda: serving(server) - before)
            async with sessions_on(server, serving(server) - before) as newer:
                (fresh,) = newer.values()
                assert talk.of_type(await hear(fresh, data), "utterance.result")
        assert "Traceback" not in server.log.read_text("utf-8")


def test_workers_share_the_limits():
    from intone.web.workers import share_of

    whole = ServerSettings(workers=3, limits=LimitSettings(max_sessions=1_000, max_uploads=2))
    share = share_of(whole)
    assert share.limits.max_sessions == 333
    assert share.limits.max_uploads == 1
    with pytest.raises(SettingsError, match="workers"):
        ServerSettings(workers=3, limits=LimitSettings(max_sessions=2))
