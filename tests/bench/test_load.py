"""The real thing, short: a server, a generator, and what they say of each other."""

from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner

from intone_bench.cli import commands
from intone_bench.load import LoadPlan, hear_alone, run_load
from intone_bench.scrape import scrape
from intone_bench.serving import NotServing, intone_serve, part_cores, serving
from intone_bench.tracks import Format, make_tracks

MOST_OF_FLOOR = 60.0
"""Batches of one cost about ten times the floor; only something broken costs this."""


@pytest.mark.parametrize("kind", list(Format))
def test_every_session_is_told_what_its_audio_alone_is_told(clips, kind):
    tracks = make_tracks(clips, kind, count=2, duration_s=16.0, speech_share=0.5, seed=3)
    plan = LoadPlan(6, tracks, stagger_s=4.0, speed=4.0, cores=part_cores())
    report = run_load(plan, hear_alone(plan))
    told = report.told
    assert (report.sessions, report.refusals) == (6, {})
    assert (told.lost, told.errors, told.faults) == (0, {}, {})
    assert told.results + sum(told.discarded.values()) == told.utterances >= 18
    assert report.match is not None
    assert report.match.is_identical, report.match.differences
    assert report.match.events >= told.utterances * 2
    assert 0 < report.result.count <= told.results
    assert report.server is not None
    assert report.server.cpu_ms_per_audio_s > 0
    assert report.batches.calls > 0


def test_the_commands_compare_a_server_with_its_floor(tmp_path, data_dir):
    arguments = ["compare", "--sessions", "8", "--seconds", "6", "--tracks", "3", "--out", tmp_path]
    arguments += ["--speech", data_dir, "--only", "floor", "--only", "runtime"]
    done = CliRunner().invoke(commands, [str(part) for part in arguments])
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in written["rows"]}
    floor = rows["bare floor, int8"]["cost"]
    assert set(floor["parts_ms"]) == {"voice activity", "features", "model"}
    ratio = rows["intone, 16 kHz"]["cost"]["cpu_ms_per_audio_s"] / floor["cpu_ms_per_audio_s"]
    assert 1.0 < ratio < MOST_OF_FLOOR
    missing = rows["bare floor, int8, tflite-runtime"]
    assert missing["cost"] is None
    assert "--tflite-python" in missing["missing"]


def test_a_load_on_a_server_that_runs_is_written_down(tmp_path, data_dir):
    with serving(None, intone_serve("--token", "s3cret")) as server:
        arguments = ["load", "--url", f"ws://127.0.0.1:{server.address.port}", "--token", "s3cret"]
        arguments += ["--sessions", "3", "--seconds", "10", "--stagger", "2", "--speed", "0"]
        arguments += ["--speech", str(data_dir), "--out", str(tmp_path)]
        done = CliRunner().invoke(commands, arguments, standalone_mode=False)
    assert done.return_value in (0, 1), done.output
    (run,) = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))["runs"]
    assert run["sessions"] == 3
    assert run["speed"] == pytest.approx(19.0)
    assert run["server"] is None
    assert run["told"]["faults"] == run["told"]["errors"] == {}


def test_sessions_that_are_refused_are_counted_and_the_others_go_on(clips):
    tracks = make_tracks(clips, Format.WIDE, count=1, duration_s=8.0, speech_share=0.5, seed=3)
    with serving(None, intone_serve("--set", "limits.max_sessions=2")) as server:
        report = run_load(LoadPlan(5, tracks, 1.0, speed=4.0, address=server.address))
    assert report.sessions == 2
    assert report.refusals == {"HTTP/1.1 503 Service Unavailable": 3}
    assert any("refused" in complaint for complaint in report.complaints())


def test_a_window_too_short_to_look_into_has_a_memory_all_the_same(clips):
    tracks = make_tracks(clips, Format.WIDE, count=1, duration_s=2.0, speech_share=0.5, seed=3)
    report = run_load(LoadPlan(1, tracks, stagger_s=2.0, speed=4.0))
    assert report.server is not None
    # Of the order of a session's, not of the whole server's.
    assert abs(report.server.speaking_kib_per_session) < 10_000


def test_a_server_that_does_not_start_says_why():
    with (
        pytest.raises(NotServing, match="no model 'none'"),
        serving(None, intone_serve("--model", "none")),
    ):
        pass


def test_a_server_that_ends_during_a_run_is_told_of():
    def lose_it() -> None:
        with serving(None, intone_serve()) as server:
            os.kill(server.pid, signal.SIGKILL)
            os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
            scrape(server.address)

    with pytest.raises(NotServing, match=r"ended during the run \(-9\)"):
        lose_it()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--url", "localhost"], "ws://HOST:PORT"),
        (["--sessions", "0"], "sessions"),
        (["--serve-with", '"'], "No closing quotation"),
        (["--speech", "no-such-folder"], "does not exist"),
    ],
)
def test_wrong_use_is_refused_in_one_sentence(arguments, sentence):
    done = CliRunner().invoke(commands, ["load", *arguments])
    assert done.exit_code == 2
    assert sentence in done.output


@pytest.mark.parametrize("command", ["load", "compare", "neighbours"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(command, tmp_path):
    (tmp_path / "file").touch()
    # No speech either: that is looked for later.
    arguments = [command, "--speech", tmp_path, "--out", tmp_path / "file" / "out"]
    done = CliRunner().invoke(commands, [str(part) for part in arguments])
    assert done.exit_code == 1
    assert "cannot write into" in done.output


def test_a_server_that_is_not_there_is_refused_in_one_sentence(data_dir, tmp_path, unused_tcp_port):
    arguments = ["load", "--url", f"ws://127.0.0.1:{unused_tcp_port}", "--speech", str(data_dir)]
    done = CliRunner().invoke(commands, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "lets nobody in" in done.output
