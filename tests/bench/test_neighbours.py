"""Bad company, short: that it is met, and what is said of it. How much it costs is no test."""

import json

from click.testing import CliRunner

from intone_bench.cli import commands


def test_neighbours_say_what_a_bad_session_cost_them(tmp_path, data_dir):
    arguments = ["neighbours", "--sessions", "3", "--seconds", "4", "--out", str(tmp_path)]
    arguments += ["--speech", str(data_dir), "--only", "a sample a message"]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    (found,) = json.loads((tmp_path / "neighbours.json").read_text(encoding="utf-8"))
    assert found["name"] == "a sample a message"
    for stretch in (found["before"], found["beside"], found["after"]):
        assert stretch["errors"] == 0
        assert stretch["round_trips_ms"]
        assert 0 < stretch["cpu_share"] < 1.5
    assert found["name"] in done.output
