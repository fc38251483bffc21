"""When a run was good, how far a server goes, and what is shown of it."""

from __future__ import annotations

import pytest
from rich.console import Console

from intone.types import EndReason
from intone.web.metrics import Metrics
from intone_bench.limit import climb
from intone_bench.load_report import LoadReport
from intone_bench.load_table import climb_table, facts_table, latency_table
from intone_bench.matching import Match
from intone_bench.quantiles import Quantiles
from intone_bench.scrape import parse

LATE = Quantiles(200, 20.0, 80.0, 140.0, 300.0)


def shown(*things: object) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(*things)
    return capture.get()


def test_a_good_run_has_no_complaints(make_report):
    assert list(make_report().complaints()) == []
    # Not worth a result, alone as well as in company.
    assert list(make_report(told={"discarded": {"unvoiced": 3}}).complaints()) == []


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"result": LATE}, "p99 of results is 140 ms"),
        ({"refusals": {"HTTP/1.1 503 Service Unavailable": 4}}, "refused: 4 HTTP/1.1 503"),
        ({"told": {"discarded": {"overloaded": 2}, "lost": 2}}, "discarded: 2 overloaded"),
        ({"told": {"errors": {"slow_consumer": 1}}}, "errors: 1 slow_consumer"),
        ({"told": {"faults": {"no session.closed": 1}}}, "faults: 1 no session.closed"),
        ({"result": Quantiles()}, "no result came"),
        ({"match": Match(9, 80, 0, 1, ("session 3",))}, "1 sessions were told something else"),
    ],
)
def test_each_thing_that_is_wrong_is_a_complaint(make_report, fields, complaint):
    (said,) = make_report(**fields).complaints()
    assert complaint in said


def test_a_late_generator_is_told(make_report):
    assert not make_report().is_generator_late
    assert make_report(generator_late=LATE).is_generator_late


@pytest.mark.parametrize(("carries", "first"), [(730, 100), (100, 100), (40, 100), (3_999, 1_000)])
def test_the_climb_ends_within_a_twentieth_under_the_limit(make_report, carries, first):
    tried = []

    def run(sessions: int) -> LoadReport:
        tried.append(sessions)
        fields = {} if sessions <= carries else {"result": LATE}
        return make_report(asked_sessions=sessions, **fields)

    found = climb(run, first, 8_000)
    assert carries / 1.06 <= found.carried <= carries
    assert "p99" in found.stopped_by
    assert len(tried) == len(set(tried)) <= 16
    assert [report.asked_sessions for report in found.runs] == sorted(tried)


def test_the_climb_stops_where_it_was_told_to(make_report):
    found = climb(lambda sessions: make_report(asked_sessions=sessions), 100, 350)
    assert found.carried == 350
    assert found.stopped_by == "no more than 350 were to be tried"


def test_a_server_that_carries_nobody_carries_0(make_report):
    found = climb(lambda n: make_report(asked_sessions=n, result=LATE), 8, 100)
    assert found.carried == 0


def test_the_tables_say_what_was_measured(make_report):
    report = make_report(match=Match(100, 1_300, 0, 0, ()))
    text = shown(latency_table(report), facts_table(report))
    for word in ("9.0", "480.0", "100 of 100", "1.50 ms per audio second", "20 / 120 KiB",
                 "server on core 0", "1300 events of 100 sessions identical"):  # fmt: skip
        assert word in text
    unseen = shown(facts_table(make_report(server=None)))
    assert "not started here" in unseen


def test_the_table_of_a_climb_has_a_line_a_run(make_report):
    text = shown(climb_table([make_report(), make_report(asked_sessions=900, result=LATE)]))
    assert "900" in text
    assert "p99 of results is 140 ms" in text


def test_a_picture_is_drawn_of_a_run_and_of_a_climb(make_report, tmp_path):
    draw = pytest.importorskip("intone_bench.picture").draw
    for runs in ([make_report()], [make_report(), make_report(asked_sessions=900, result=LATE)]):
        path = tmp_path / f"{len(runs)}.png"
        draw(runs, path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_the_servers_counters_are_read_as_the_server_writes_them():
    metrics = Metrics()
    observer = metrics._batch_size.labels("gru")
    for size in (1, 1, 3, 70):
        observer.observe(size)
    before = parse(metrics.render().decode())
    for size in (2, 2):
        observer.observe(size)
    metrics.utterances.labels(EndReason.SILENCE.value).inc()
    after = parse(metrics.render().decode())
    assert (before.batches.calls, before.batches.mean) == (4, 18.75)
    assert before.batches.share_up_to["2.0"] == 0.5
    counted = after.since(before)
    assert (counted.batches.calls, counted.batches.mean) == (2, 2.0)
    assert counted["intone_utterances_total"] == 1
    assert counted["intone_nothing_of_that_name"] == 0
