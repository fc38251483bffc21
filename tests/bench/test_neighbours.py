"""Bad company, short: that it is met, and what is said of it. How much it costs is no test."""

import asyncio
import json

from click.testing import CliRunner

from intone_bench.cli import commands
from intone_bench.neighbours import Neighbours, company, stretch
from intone_bench.serving import intone_serve, serving


def test_neighbours_say_what_a_bad_session_cost_them(tmp_path, data_dir):
    arguments = ["neighbours", "--sessions", "3", "--seconds", "4", "--out", str(tmp_path)]
    arguments += ["--speech", str(data_dir), "--only", "a sample a message"]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    (found,) = json.loads((tmp_path / "neighbours.json").read_text(encoding="utf-8"))
    assert found["name"] == "a sample a message"
    for part in (found["before"], found["beside"], found["after"]):
        assert part["errors"] == 0
        assert part["round_trips_ms"]
        assert 0 < part["cpu_share"] < 1.5
    assert found["name"] in done.output


def test_a_neighbour_who_is_refused_is_not_passed_over():
    async def hear(server):
        url = f"ws://{server.address.host}:{server.address.port}"
        neighbours = Neighbours(url, bytes(32_000))
        async with company(neighbours, 3):
            return await stretch(neighbours, server.pid, 0.5)

    with serving(None, intone_serve("--set", "limits.max_sessions=1")) as server:
        assert asyncio.run(hear(server)).errors == 2
