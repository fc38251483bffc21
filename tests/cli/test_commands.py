"""The command line, as a process."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import os
import pty
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from plugin import with_plugin
from sounds import damaged_mp3
from talk import scrape, value_of

from intone import __version__
from intone.models import ModelStore

SECRET = "s3cr3t-of-the-test"
DEADLINE_S = 60.0
"""A cold start compiles every module, on a machine that may be busy."""

ENVIRONMENT = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith("INTONE_") and key != "PYTHONPATH"
}


def start(*arguments: object, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "intone", *map(str, arguments)],
        env=ENVIRONMENT | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_piped(*arguments: object) -> subprocess.Popen[bytes]:
    # These tests may run in a shell's background, where Ctrl-C is ignored by all that it starts.
    with_signals = ("env", "--default-signal=INT")
    return subprocess.Popen(
        [*with_signals, sys.executable, "-m", "intone", *map(str, arguments)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def intone(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, **environ)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in errors
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What intone itself wrote on standard error: TFLite has its own say there."""
    return [line for line in done.stderr.splitlines() if line.startswith("intone:")]


# --- the program ----------------------------------------------------------------------


def test_version_and_help():
    assert intone("--version").stdout == f"intone {__version__}\n"
    helped = intone("--help")
    assert helped.returncode == 0
    for command in ("serve", "stream", "analyze", "models"):
        assert f"  {command} " in helped.stdout


def test_help_waits_for_no_engine():
    heavy = {"aiohttp", "scipy", "soxr", "webrtcvad", "soundfile", "websockets", "rich"}
    code = (
        "import sys; from intone.cli.commands import run; run(['serve', '--help']);"
        f"sys.exit(' '.join(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stderr.strip() == b""


@pytest.mark.parametrize(
    "arguments",
    [("listen",), ("analyze",), ("analyze", "--format", "xml", "a.wav"), ("serve", "--port=x")],
)
def test_wrong_use_is_exit_code_2(arguments):
    done = intone(*arguments)
    assert done.returncode == 2
    assert "Usage: intone" in done.stderr


# --- analyze --------------------------------------------------------------------------


def test_analyze_prints_one_json_object_an_utterance(two_utterances_wav, stereo_wav):
    done = intone("analyze", "--format", "jsonl", two_utterances_wav, stereo_wav)
    assert done.returncode == 0
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["file"], line["channel"]) for line in lines] == [
        (str(two_utterances_wav), 0),
        (str(two_utterances_wav), 0),
        (str(stereo_wav), 0),
        (str(stereo_wav), 1),
    ]
    for line in lines:
        assert list(line) == ["file", "channel", "start_ms", "end_ms", "emotion", "gender", "model"]
        assert line["start_ms"] < line["end_ms"]
        for part in (line["emotion"], line["gender"]):
            assert list(part) == ["label", "confidence", "scores"]
            assert sum(part["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert len(line["emotion"]["scores"]) == 8
        assert line["model"] == "gru"


def test_a_bad_file_is_reported_and_the_others_go_on(male_wav, tmp_path):
    page = tmp_path / "page.wav"
    page.write_text("<html>", encoding="utf-8")
    done = intone("analyze", "--format", "csv", page, male_wav, tmp_path / "nowhere.wav")
    assert done.returncode == 1
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert row["file"] == str(male_wav)
    assert float(row["emotion_confidence"]) > 0
    first, second = said(done)
    assert first.startswith(f"intone: error (invalid_audio_file): {page}")
    assert second.endswith("nowhere.wav: No such file or directory")


def test_what_a_decoder_says_of_damage_is_not_printed(male_wav, tmp_path):
    damaged, text = tmp_path / "damaged.mp3", tmp_path / "text.mp3"
    damaged.write_bytes(damaged_mp3(*soundfile.read(male_wav)))
    text.write_text("hello world" * 100, encoding="utf-8")
    done = intone("analyze", damaged, text, tmp_path / "nowhere.wav")
    breaks_off, no_audio, nowhere = done.stderr.splitlines()
    assert f"{damaged} breaks off after" in breaks_off
    assert no_audio.endswith(f"{text} cannot be decoded: Format not recognised.")
    assert "No such file" in nowhere


def test_a_bar_is_shown_on_a_terminal_and_kept_out_of_the_results(male_wav, tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "intone", "analyze", "--format", "jsonl", *[male_wav] * 3]
    results = tmp_path / "results.jsonl"
    with results.open("wb") as output:
        process = subprocess.Popen(
            command, env=ENVIRONMENT | {"TERM": "xterm"}, stdout=output, stderr=theirs
        )
        os.close(theirs)
        shown = b""
        # The terminal's end reads as an error once the program has left.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 4_096):
                shown += piece
        assert process.wait(timeout=DEADLINE_S) == 0
    os.close(ours)
    assert b"analysing" in shown
    assert b"100%" in shown
    lines = results.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["channel"] for line in lines] == [0, 0, 0]


def test_settings_of_the_endpointer_count_here_too(two_utterances_wav, tmp_path):
    config = tmp_path / "intone.toml"
    config.write_text("[endpointer]\nhangover_ms = 3000\n", encoding="utf-8")
    joined = intone("analyze", "--config", config, "--format", "jsonl", two_utterances_wav)
    assert len(joined.stdout.splitlines()) == 1
    done = intone(
        "analyze", "--config", config, "--set", "endpointer.hangover_ms=500",
        "--format", "jsonl", two_utterances_wav,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2


def test_the_file_of_a_server_that_gets_its_token_by_a_flag_will_do(male_wav, tmp_path):
    config = tmp_path / "intone.toml"
    config.write_text('host = "0.0.0.0"\nport = 80\n', encoding="utf-8")
    assert intone("analyze", "--config", config, male_wav).returncode == 0
    assert intone("models", INTONE_HOST="192.0.2.1").returncode == 0
    refused = intone("serve", "--config", config)
    assert refused.returncode == 2
    assert "without a token" in refused.stderr


def test_what_gets_no_result_is_counted(male_wav):
    done = intone("analyze", "--set", "endpointer.min_speech_ms=10000", male_wav)
    assert done.returncode == 0
    assert said(done) == ["intone: utterances without a result: 1 too_short"]


def test_a_folder_of_models_is_used_and_a_broken_one_refused(male_wav, repo_root, tmp_path):
    shutil.copytree(repo_root / "models" / "gru", tmp_path / "gru")
    assert intone("analyze", "--models-dir", tmp_path, male_wav).returncode == 0
    model = tmp_path / "gru" / "model.tflite"
    model.write_bytes(model.read_bytes() + b"x")
    done = intone("analyze", "--models-dir", tmp_path, male_wav)
    assert done.returncode == 1
    (line,) = said(done)
    assert line.startswith(f"intone: error (invalid_model): {model}: sha256 is")


FAILS_ONCE = """
from intone.core.tflite import StreamingRecogniser

class Failing(StreamingRecogniser):
    blocks = 0

    def step(self, windows, states):
        Failing.blocks += 1
        if Failing.blocks == 20:
            raise ValueError("no more memory")
        return super().step(windows, states)

made = Failing
"""


def test_a_model_that_fails_is_said_in_a_sentence(
    two_utterances_wav, male_wav, repo_root, tmp_path
):
    folder = tmp_path / "gru"
    shutil.copytree(repo_root / "models" / "gru", folder)
    card = folder / "card.json"
    card.write_text(card.read_text("utf-8").replace('"streaming"', '"made"'), encoding="utf-8")
    environ = with_plugin(tmp_path, "recognisers", FAILS_ONCE)
    files = [two_utterances_wav, male_wav]
    done = intone("analyze", "--models-dir", tmp_path, "--format", "jsonl", *files, **environ)
    assert done.returncode == 1
    assert said(done) == [
        "intone: error (recogniser_failed): the model gru failed: ValueError('no more memory')",
        "intone: utterances without a result: 1 failed",
    ]
    printed = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert printed == [str(two_utterances_wav), str(male_wav)]


def test_a_voice_detector_that_does_not_start_is_said_in_a_sentence(male_wav, tmp_path):
    environ = with_plugin(tmp_path, "voice_detectors", "def made(_): raise KeyError('weights')")
    done = intone("analyze", "--set", "endpointer.vad=made", male_wav, **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert said(done)[-1].endswith("detector made does not start: KeyError: 'weights'")


def test_an_unknown_model_is_named(male_wav):
    done = intone("analyze", "--model", "nobody", male_wav)
    assert (done.returncode, done.stdout) == (1, "")
    known = ", ".join(ModelStore.load().names)
    expected = f"error (unknown_model): there is no model 'nobody' here; there is: {known}"
    assert expected in done.stderr


def test_a_reader_that_leaves_early_is_no_fault(two_utterances_wav):
    process = start("analyze", "--format", "jsonl", *[two_utterances_wav] * 20)
    assert process.stdout.readline().startswith("{")
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=DEADLINE_S) == 1
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_full_disk_is_said_in_a_sentence(male_wav):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "intone", "analyze", "--format", "jsonl", male_wav],
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "intone: error: cannot write: No space left on device\n"


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
def test_a_name_that_is_no_utf_8_is_read_and_printed(male_wav, tmp_path, format_name):
    odd = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    shutil.copy(os.fsencode(male_wav), odd)
    done = intone("analyze", "--format", format_name, os.fsdecode(odd))
    assert done.returncode == 0
    assert "caf\N{REPLACEMENT CHARACTER}.wav" in done.stdout


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
def test_a_name_that_the_output_s_encoding_lacks_is_escaped(male_wav, tmp_path, format_name):
    names = ["\N{SNOWMAN}\N{GRINNING FACE}.wav", f"{'a' * 60}.wav"]
    files = [shutil.copy(male_wav, tmp_path / name) for name in names]
    done = intone("analyze", "--format", format_name, *files, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "\\u2603\\ud83d\\ude00.wav" in done.stdout
    assert len(lines) == 2 + (format_name != "jsonl")
    if format_name == "jsonl":
        assert [Path(json.loads(line)["file"]).name for line in lines] == names


def test_models_lists_what_they_tell_apart(repo_root):
    card = json.loads((repo_root / "models" / "gru" / "card.json").read_text(encoding="utf-8"))
    done = intone("models")
    assert done.returncode == 0
    for word in ("gru", *card["emotions"], "kB"):
        assert word in done.stdout
    for figure in card["accuracy"]:
        assert f"{figure['value']:.3f}" in done.stdout


# --- stream ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two_utterances_wav", "stereo_wav"])
@pytest.mark.parametrize("format_name", ["jsonl", "csv", "table"])
def test_stream_prints_what_analyze_prints(server, request, name, format_name):
    path = request.getfixturevalue(name)
    streamed = intone("stream", "--url", server.ws_url, "--format", format_name, path)
    assert streamed.returncode == 0
    assert streamed.stdout == intone("analyze", "--format", format_name, path).stdout


def test_interims_are_printed_when_asked_for(server, two_utterances_wav):
    done = intone(
        "stream", "--url", server.ws_url, "--interims", "--format", "jsonl", two_utterances_wav
    )
    kinds = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert kinds.count("result") == 2
    assert kinds.count("interim") >= 4


def test_an_interim_is_told_as_whose_it_is(server, male_wav):
    flags = ("--model", "pretrained", "--interims", "--format", "jsonl")
    done = intone("stream", "--url", server.ws_url, *flags, male_wav)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    said_by = {(line["event"], line["model"]) for line in lines}
    assert said_by == {("interim", "gru"), ("result", "pretrained")}


def test_in_real_time_a_file_takes_as_long_as_it_lasts(server, male_wav):
    begun = time.monotonic()
    done = intone("stream", "--url", server.ws_url, "--realtime", "--format", "jsonl", male_wav)
    assert time.monotonic() - begun > 2.7
    assert len(done.stdout.splitlines()) == 1


def test_a_token_comes_by_flag_or_variable_and_is_not_logged(start_server, male_wav):
    with start_server("--token", SECRET, "--log-format", "json") as guarded:
        refused = intone("stream", "--url", guarded.ws_url, male_wav)
        assert refused.returncode == 1
        assert "error (unauthorized)" in refused.stderr
        by_flag = intone("stream", "--url", guarded.ws_url, "--token", SECRET, male_wav)
        by_variable = intone(
            "stream", "--url", guarded.ws_url, male_wav, INTONE_CLIENT_TOKEN=SECRET
        )
        assert by_flag.returncode == by_variable.returncode == 0
        assert by_flag.stdout == by_variable.stdout
    log = guarded.log.read_text(encoding="utf-8")
    assert SECRET not in log
    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any("session_id" in entry for entry in entries)


def test_no_server_and_no_file_are_said_in_a_sentence(male_wav, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
    (line,) = said(intone("stream", "--url", url, male_wav))
    assert line.startswith(f"intone: error (server_unavailable): cannot connect to {url}")
    done = intone("stream", "--url", url, tmp_path / "nowhere.wav")
    assert done.returncode == 1
    assert "error (invalid_audio_file)" in done.stderr


def test_ctrl_c_is_quiet(server, two_utterances_wav):
    process = start("stream", "--url", server.ws_url, "--realtime", two_utterances_wav)
    assert "emotion" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    # click ends the line on which the terminal shows ^C.
    assert errors.strip() == ""


@pytest.mark.parametrize("command", ["stream", "analyze"])
def test_a_pipe_that_waits_holds_up_neither_answers_nor_ctrl_c(server, two_utterances_wav, command):
    """Whoever writes into it may never go on."""
    where = ("--url", server.ws_url) if command == "stream" else ()
    process = start_piped(command, *where, "--format", "jsonl", "/dev/stdin")
    samples = two_utterances_wav.read_bytes()[44:]
    # As a program writes that does not know how long it will go on.
    unsized = (0xFFFFFFFF).to_bytes(4, "little")
    audio = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    process.stdin.write(b"RIFF" + unsized + b"WAVEfmt " + audio + b"data" + unsized)
    process.stdin.write(samples + bytes(32_000))
    process.stdin.flush()
    for _ in range(2):
        assert json.loads(process.stdout.readline())["emotion"]
    process.send_signal(signal.SIGINT)
    # The pipe stays open until then: its end would be an end of the file, too.
    assert process.wait(timeout=DEADLINE_S) == 130
    output, errors = process.communicate()
    assert (output, errors.strip()) == (b"", b"")


@pytest.fixture
def long_wav(two_utterances_wav, tmp_path):
    """More than a small pipe holds of answers."""
    samples, rate_hz = soundfile.read(two_utterances_wav, dtype="int16")
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(samples, 4), rate_hz, "PCM_16")
    return path


def until(is_true):
    """Wait for a condition of another process."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def unread(pipe):
    """How many bytes wait in it."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def start_unread(url, path):
    """A stream whose output nobody reads, once no more fits in."""
    process = start_piped("stream", "--url", url, "--interims", "--format", "jsonl", path)
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4_096)
    until(lambda: unread(process.stdout) >= 3_400)
    return process


def test_a_reader_that_pauses_does_not_cost_the_session(start_server, long_wav):
    with start_server() as server:
        process = start_unread(server.ws_url, long_wav)
        active = 'intone_connections_active{protocol="intone.v1"}'
        assert active in scrape(server.url)
        until(lambda: value_of(scrape(server.url), active) == 0)
        output, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors.strip()) == (0, b"")
    results = [line for line in map(json.loads, output.splitlines()) if line["event"] == "result"]
    assert len(results) == 8


def test_ctrl_c_is_heeded_while_nobody_reads(server, long_wav):
    process = start_unread(server.ws_url, long_wav)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=DEADLINE_S) == 130
    _, errors = process.communicate()
    assert errors.strip() == b""


@pytest.mark.parametrize("command", ["stream", "analyze"])
def test_ctrl_c_ends_what_waits_for_the_header(server, command):
    where = ("--url", server.ws_url) if command == "stream" else ()
    process = start_piped(command, *where, "/dev/stdin")
    process.stdin.write(b"RIFF")
    process.stdin.flush()
    # It has been read: what comes next is waited for.
    until(lambda: unread(process.stdin) == 0)
    process.send_signal(signal.SIGINT)
    # The pipe stays open until then: its end would be an end of the file, too.
    assert process.wait(timeout=DEADLINE_S) == 130
    process.communicate()


def test_what_the_server_lost_is_no_success(start_server, two_utterances_wav):
    late = ("interim_backlog_s=0.001", "refuse_backlog_s=0.002", "discard_backlog_s=0.003")
    flags = [flag for one in late for flag in ("--set", f"engine.{one}")]
    with start_server("--set", "session.model=pretrained", *flags) as hasty:
        done = intone("stream", "--url", hasty.ws_url, two_utterances_wav)
    assert "overloaded" in done.stderr
    assert done.returncode == 1


# --- serve ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        (("--host", "::"), {}, "refusing to listen on :: without a token"),
        (("--set", "port=x"), {}, "--set port must be a whole number, not 'x'"),
        ((), {"INTONE_PROT": "1"}, "INTONE_PROT is not a setting; did you mean INTONE_PORT?"),
        (("--config", "nowhere.toml"), {}, "cannot read settings file nowhere.toml"),
        (("--log-format", "text"), {"INTONE_LOG_LEVEL": "loud"}, "log_level must be debug"),
    ],
)
def test_settings_that_make_no_sense_are_exit_code_2(arguments, environ, sentence):
    done = intone("serve", *arguments, **environ)
    assert done.returncode == 2
    (line,) = said(done)
    assert line.startswith("intone: error (invalid_settings): ")
    assert sentence in line


def test_a_port_in_use_is_exit_code_1(server):
    done = intone("serve", "--port", server.port)
    assert done.returncode == 1
    assert "error (address_in_use)" in done.stderr


def test_ctrl_c_stops_a_server_in_good_order(start_server):
    with start_server() as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=DEADLINE_S) == 0
    assert "Traceback" not in running.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&-", 0), ("<&-", 0)])
def test_a_stream_that_the_shell_closed_is_nowhere(male_wav, closed, code):
    command = f"exec {shlex.quote(sys.executable)} -m intone analyze {shlex.quote(str(male_wav))} "
    done = subprocess.run(
        ["/bin/sh", "-c", command + closed],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) == (closed != ">&-")


def test_a_closed_stream_whose_place_a_library_took_is_nowhere_too(male_wav):
    # As the dynamic linker does under Python 3.14.
    script = "import os; os.open(os.devnull, os.O_RDONLY); from intone.cli import main; main()"
    command = shlex.join([sys.executable, "-c", script, "analyze", str(male_wav)])
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {command} 2>&-"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout


def test_a_host_that_is_no_name_is_said_in_a_sentence():
    done = intone("serve", "--host", "foo..bar", "--token", SECRET)
    assert done.returncode == 2
    assert said(done)[-1].endswith("cannot listen on foo..bar:8765: this is no name of a host")
