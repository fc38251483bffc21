"""``intone serve`` as a process: what it refuses to start with, and how it stops."""

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
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import talk
import websockets
from plugin import with_plugin

from intone import resources
from intone.web.open_files import BESIDES_SESSIONS

INTONE = (sys.executable, "-m", "intone", "serve")


def refused(*flags):
    """Exit code and last words of a server that does not start."""
    process = subprocess.run(
        [*INTONE, "--port", "0", *flags], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in process.stderr
    return process.returncode, process.stderr.splitlines()[-1]


@pytest.fixture
def models_dir(tmp_path):
    """A folder with a copy of the shipped model, to be spoilt."""
    shutil.copytree(resources.models_dir() / "gru", tmp_path / "gru")
    return tmp_path


def test_a_model_with_a_wrong_hash_is_refused_by_file_and_reason(models_dir):
    path = models_dir / "gru" / "model.tflite"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    code, words = refused("--models-dir", str(models_dir))
    assert code == 1
    assert "invalid_model" in words
    assert str(path) in words
    assert "sha256" in words


def test_a_missing_card_is_refused_by_file_and_reason(models_dir):
    path = models_dir / "gru" / "card.json"
    path.unlink()
    code, words = refused("--models-dir", str(models_dir))
    assert code == 1
    assert str(path) in words
    assert "No such file" in words


def test_a_file_that_is_no_model_is_refused(models_dir):
    import hashlib

    path = models_dir / "gru" / "model.tflite"
    path.write_bytes(b"not a model")
    card_path = models_dir / "gru" / "card.json"
    card = json.loads(card_path.read_text())
    card["sha256"] = hashlib.sha256(b"not a model").hexdigest()
    card_path.write_text(json.dumps(card))
    code, words = refused("--models-dir", str(models_dir))
    assert code == 1
    assert "gru/model.tflite" in words


def test_an_unknown_model_or_sink_is_refused():
    code, words = refused("--model", "oracle")
    assert code == 1
    assert "unknown_model" in words
    code, words = refused("--set", "sinks=nowhere")
    assert code == 2
    assert "'nowhere'" in words


def test_a_port_in_use_is_refused_and_the_first_server_goes_on(server, male_wav):
    code, words = refused("--port", str(server.port))
    assert code == 1
    assert "address_in_use" in words
    assert f"127.0.0.1:{server.port}" in words
    messages = asyncio.run(talk.hear(server.url, talk.pcm_of(male_wav)))
    assert talk.of_type(messages, "utterance.result")


def test_a_name_that_does_not_resolve_is_refused():
    code, words = refused("--host", "nowhere.invalid", "--token", "alpha")
    assert code == 2
    assert "cannot listen on nowhere.invalid:0" in words
    assert "Unknown error" not in words


def test_an_address_of_another_machine_is_refused():
    code, words = refused("--host", "192.0.2.1", "--allow-open")
    assert code == 2
    assert "192.0.2.1" in words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stopped_server_answers_what_it_heard(start_server, male_wav, number):
    """A terminal that is closed (SIGHUP) is no reason to lose it."""
    # These tests may run under nohup, which those they start inherit.
    program = ("env", "--default-signal=HUP", sys.executable, "-m", "intone")
    with start_server(program=program) as server:

        async def speak_until_it_stops():
            async with talk.connect(server.url, "?interim_ms=0") as session:
                await session.send(talk.pcm_of(male_wav)[:48_000])
                await talk.receive_until(session, "utterance.started")
                server.process.send_signal(number)
                messages = await talk.receive_all(session)
                return messages, session.close_code

        messages, code = asyncio.run(speak_until_it_stops())
        assert code == 1001
        assert [m["type"] for m in messages] == ["utterance.result", "session.closed"]
        assert messages[0]["reason"] == "end_of_stream"
        assert messages[1]["reason"] == "server_shutdown"
        assert messages[1]["produced"]["utterances"] == 1
        assert server.process.wait(timeout=20) == 0
        log = server.log.read_text(encoding="utf-8")
    assert re.search(r"session started .*model=gru", log)
    assert re.search(r"session ended .*reason=server_shutdown", log)
    assert "Traceback" not in log


FOREVER = """
import threading
import intone.web.analyze
from intone.cli import main

def decode_for_ever(_, **__):
    print("decoding", flush=True)
    threading.Event().wait()

intone.web.analyze.open_audio = decode_for_ever
main()
"""


def test_a_file_that_native_code_never_ends_with_keeps_no_server(start_server, male_wav):
    with start_server(
        "--set", "limits.drain_s=0.1", program=(sys.executable, "-c", FOREVER)
    ) as one:
        with socket.create_connection(("127.0.0.1", one.port)) as client:
            content = male_wav.read_bytes()
            head = f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
            client.sendall(head.encode() + content)
            asyncio.run(talk.until(lambda: "decoding" in one.log.read_text(encoding="utf-8")))
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(timeout=20) == 0
        assert "still being decoded" in one.log.read_text(encoding="utf-8")


def test_a_stopping_server_is_not_ready_and_takes_nobody(start_server, male_wav):
    """A client that does not answer the close holds the stop up long enough to look."""
    with start_server("--set", "limits.drain_s=2") as server:
        holder = socket.create_connection(("127.0.0.1", server.port))
        holder.sendall(talk.UPGRADE)
        assert holder.recv(64).startswith(b"HTTP/1.1 101")
        server.process.terminate()
        assert talk.answer_when_not_ready(server.url) == (503, {"status": "draining"})
        code, retry_after, body = post(f"{server.url}/v1/analyze", male_wav.read_bytes())
        assert (code, body["error"]["code"]) == (503, "shutting_down")
        assert int(retry_after) > 0
        assert server.process.wait(timeout=20) == 0
        holder.close()


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_it_leaves_no_core_dump(start_server, flags):
    """It would hold what people said, and tokens."""
    with start_server(*flags) as server:
        pids = [server.process.pid]
        children = f"/proc/{pids[0]}/task/{pids[0]}/children"
        pids += Path(children).read_text("ascii").split()
        for pid in pids:
            limits = Path(f"/proc/{pid}/limits").read_text("ascii")
            assert re.search(r"^Max core file size +[01] +[01] ", limits, re.MULTILINE), limits


def test_who_asks_twice_does_not_wait():
    process = subprocess.Popen([*INTONE, "--port", "0"], stdout=subprocess.PIPE, text=True)
    with process:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port)) as holder:
            holder.sendall(talk.UPGRADE)
            assert holder.recv(64).startswith(b"HTTP/1.1 101")
            process.terminate()
            assert talk.answer_when_not_ready(f"http://127.0.0.1:{port}")[0] == 503
            process.terminate()
            assert process.wait(timeout=20) == -signal.SIGTERM


def test_under_nohup_a_closed_terminal_stops_nothing(start_server, male_wav):
    with start_server(program=("nohup", sys.executable, "-m", "intone")) as server:
        server.process.send_signal(signal.SIGHUP)
        messages = asyncio.run(talk.hear(server.url, talk.pcm_of(male_wav)))
        assert messages[-1]["reason"] == "client"


def test_an_upload_that_a_stop_cuts_off_is_told(start_server):
    with start_server("--set", "limits.drain_s=0.5") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as half:
            half.settimeout(20)
            half.sendall(
                b"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert half.recv(64).startswith(b"HTTP/1.1 100")
            half.sendall(b"RIFF")
            server.process.terminate()
            answer = half.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"shutting_down"' in answer
        assert b"Retry-After" in answer
        assert server.process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise KeyError('url')", "the sink made does not start: KeyError: 'url'"),
        ("raise ConnectionRefusedError(111, 'refused')", "does not start: ConnectionRefused"),
    ],
)
def test_a_sink_that_does_not_start_is_named(tmp_path, code, words):
    environment = {**os.environ, **with_plugin(tmp_path, "sinks", f"def made(_): {code}")}
    process = subprocess.run(
        [*INTONE, "--port", "0", "--set", "sinks=made"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert process.returncode == 2
    assert words in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def made(_): raise KeyError('weights')", "made does not start: KeyError: 'weights'"),
        ("class made:\n  def __init__(self, _): ...\n  def detect(self, frames): return [True]",
         "made says something of 1 frames where it is asked about 3"),
    ],
)  # fmt: skip
def test_a_voice_detector_that_does_not_start_is_named_before_anybody_speaks(tmp_path, code, words):
    environment = {**os.environ, **with_plugin(tmp_path, "voice_detectors", code)}
    # A place that cannot be listened on: what is wrong with the detector is said before.
    process = subprocess.run(
        [*INTONE, "--host", "foo..bar", "--allow-open", "--set", "endpointer.vad=made"],
        capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert process.returncode == 2
    assert words in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr


def test_sessions_that_the_system_has_no_files_for_are_refused_not_dropped(start_server):
    limited = ("sh", "-c", 'ulimit -n 100; exec "$0" "$@"', sys.executable, "-m", "intone")

    async def open_all(url):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(100 - BESIDES_SESSIONS):
                await stack.enter_async_context(talk.connect(url))
            with pytest.raises(websockets.InvalidStatus) as refused:
                await stack.enter_async_context(talk.connect(url))
        return refused.value.response

    with start_server(program=limited) as server:
        response = asyncio.run(open_all(server.url))
        assert response.status_code == 503
        assert json.loads(response.body)["error"]["code"] == "overloaded"
        assert "ulimit -Hn" in server.log.read_text(encoding="utf-8")


def post(url, content):
    try:
        urllib.request.urlopen(url, content, timeout=5).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"], json.loads(error.read())
    raise AssertionError("a stopping server took an upload")


def test_json_logs_tell_a_session_and_no_audio(start_server, male_wav):
    with start_server("--log-format", "json", "--token", "alpha") as server:
        header = {"Authorization": "Bearer alpha"}
        messages = asyncio.run(
            talk.hear(server.url, talk.pcm_of(male_wav), additional_headers=header)
        )
        server.stop()
        text = server.log.read_text(encoding="utf-8")
    # Standard output has the address, standard error nothing but the log.
    printed, *logged = sorted(text.splitlines(), key=lambda line: line.startswith("{"))
    assert printed.startswith("intone listens on http://127.0.0.1:")
    lines = [json.loads(line) for line in logged]
    session_id = messages[0]["session_id"]
    told = [line for line in lines if line.get("session_id") == session_id]
    assert [line["message"] for line in told] == ["session started", "session ended"]
    assert told[0]["encoding"] == "s16le"
    assert told[1]["utterances"] == 1
    assert told[1]["duration_s"] >= 0
    assert "alpha" not in text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alpha\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alpha" + b"a" * 9_000 + b"\r\n\r\n",
        b"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nalpha\r\n",
        b"alpha\r\n\r\n",
    ],
    ids=["a header of control characters", "a long header", "audio for a chunk size", "no HTTP"],
)
def test_what_is_no_http_is_refused_and_not_quoted_in_the_log(start_server, request_bytes):
    with start_server("--log-level", "debug", "--token", "alpha") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(request_bytes)
            assert client.recv(12).endswith(b" 400")
        server.stop()
        text = server.log.read_text(encoding="utf-8")
    assert "request refused code=bad_request" in text
    assert "alpha" not in text
    assert "Traceback" not in text
