"""A run, and a climb, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from intone_bench.load_report import LoadReport
from intone_bench.quantiles import Quantiles


def latency_table(report: LoadReport) -> Table:
    """Return the times of a run."""
    table = Table("ms", "count", "p50", "p95", "p99", "max", title="latency")
    rows: tuple[tuple[str, Quantiles], ...] = (
        ("end decided -> result received", report.result),
        ("  of which by the server's clock", report.server_latency),
        ("speaker's last sound -> end decided (hangover)", report.hangover),
        ("speaker's last sound -> result received", report.total),
        ("block complete -> interim received", report.interim),
        ("generator late", report.generator_late),
    )
    for name, found in rows:
        times = (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms)
        table.add_row(name, str(found.count), *(f"{value:.1f}" for value in times))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def facts_table(report: LoadReport) -> Table:
    """Return everything else."""
    table = Table(show_header=False, title="load")
    for name, value in _facts(report):
        table.add_row(name, value)
    return table


def climb_table(runs: Sequence[LoadReport]) -> Table:
    """Return a line a run."""
    table = Table("sessions", "p50 ms", "p99 ms", "server core", "CPU ms/audio s", "batch", "held")
    for run in runs:
        server = run.server
        complaints = list(run.complaints())
        table.add_row(
            str(run.asked_sessions),
            f"{run.result.p50_ms:.1f}",
            f"{run.result.p99_ms:.1f}",
            f"{server.core_share:.0%}" if server else "?",
            f"{server.cpu_ms_per_audio_s:.2f}" if server else "?",
            f"{run.batches.mean:.1f}",
            "; ".join(complaints) or "yes",
        )
    for column in table.columns[:-1]:
        column.justify = "right"
    return table


def _facts(report: LoadReport) -> Iterator[tuple[str, str]]:
    told = report.told
    yield "sessions held", f"{report.sessions} of {report.asked_sessions}, {report.format}"
    yield "speed", f"{report.speed:g} times real time, measured over {report.window_s:.1f} s"
    yield "pinned", report.cores
    yield "audio inside utterances", f"{told.speech_share:.0%}, pre-roll and hangover included"
    yield "utterances", f"{told.utterances}: {told.results} results, {told.interims} interims"
    yield "discarded", _counts(told.discarded)
    yield "errors", _counts({**told.errors, **told.faults, **report.refusals})
    yield "interims dropped", str(report.interims_dropped)
    yield "messages pushed back", str(told.pushed_back)
    yield (
        "batches",
        f"{report.batches.calls} model calls, {report.batches.mean:.1f} utterances each",
    )
    yield from _cost(report)
    yield "generator", f"{report.generator_core_share:.0%} of a core"
    if report.match is not None:
        match = report.match
        dropped = f"; {match.interims_missing} interims dropped" if match.interims_missing else ""
        yield (
            "same as the audio alone",
            f"{match.events} events of {match.sessions} sessions identical{dropped}"
            if match.is_identical
            else f"NOT in {match.differing_sessions} of {match.sessions} sessions",
        )


def _cost(report: LoadReport) -> Iterator[tuple[str, str]]:
    server = report.server
    if server is None:
        yield "server", "not started here: its processes are not seen"
        return
    yield (
        "server CPU",
        f"{server.cpu_ms_per_audio_s:.2f} ms per audio second, {server.core_share:.0%} of a core",
    )
    yield "server memory", f"{server.resident_mib:.0f} MiB with no session"
    yield (
        "memory a session, idle / speaking",
        f"{server.idle_kib_per_session:.0f} / {server.speaking_kib_per_session:.0f} KiB",
    )


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(counted.items())) or "none"
