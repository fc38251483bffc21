"""Latency as a picture: of one run, or against the number of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from intone_bench.load_report import MOST_RESULT_P99_MS, LoadReport
from intone_lab.palette import LIGHT


def draw(runs: Sequence[LoadReport], path: Path) -> None:
    """Write a PNG of one run, or of the runs of a climb."""
    with LIGHT.applied():
        figure = Figure(figsize=(7.0, 4.2), layout="constrained", dpi=130)
        axes = figure.add_subplot()
        if len(runs) == 1:
            _draw_one(axes, runs[0])
        else:
            _draw_climb(axes, runs)
        axes.grid(visible=True)
        figure.savefig(path)


def _draw_one(axes: Axes, run: LoadReport) -> None:
    axes.plot(run.result_percentiles_ms, range(len(run.result_percentiles_ms)), color=LIGHT.accent)
    axes.axvline(run.result.p99_ms, color=LIGHT.ink_soft, linestyle=":", linewidth=1)
    axes.set_title(f"{run.sessions} sessions, {run.format}: p99 {run.result.p99_ms:.1f} ms")
    axes.set_xlabel("end decided to result received, ms")
    axes.set_ylabel("% of results")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)


def _draw_climb(axes: Axes, runs: Sequence[LoadReport]) -> None:
    sessions = [run.asked_sessions for run in runs]
    held = [not any(run.complaints()) for run in runs]
    for name, style, times in (
        ("p99", "-", [run.result.p99_ms for run in runs]),
        ("p50", "--", [run.result.p50_ms for run in runs]),
    ):
        axes.plot(sessions, times, style, color=LIGHT.accent, label=name, zorder=1)
        for x, y, is_held in zip(sessions, times, held, strict=True):
            face = LIGHT.accent if is_held else LIGHT.card
            axes.scatter(x, y, s=28, facecolor=face, edgecolor=LIGHT.accent, zorder=2)
    axes.axhline(MOST_RESULT_P99_MS, color=LIGHT.ink_soft, linestyle=":", linewidth=1)
    axes.set_yscale("log")
    axes.set_title(f"{runs[0].format}; filled where everything was carried")
    axes.set_xlabel("sessions")
    axes.set_ylabel("end decided to result received, ms")
    axes.legend()
