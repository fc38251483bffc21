"""The report's pictures: numbers in, PNG files out. Colours are Okabe and Ito's, for every eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from intone_lab.calibration import Bin
from intone_lab.report.confidence import Confidence
from intone_lab.report.confusion import DPI
from intone_lab.report.figures import HeadFigures
from intone_lab.report.seconds import Course

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def draw_reliability(path: Path, lines: Sequence[Confidence]) -> None:
    """Draw accuracy against confidence, a panel a head, before and after calibration."""
    figure = Figure(figsize=(4.6 * len(lines), 4.4), layout="constrained")
    for axes, line in zip(_panels(figure, len(lines)), lines, strict=True):
        axes.plot((0, 1), (0, 1), color="#888888", linewidth=1, label="exact")
        _draw_bins(axes, line.bins_before, 1, f"before: ECE {line.ece_before:.3f}", "--")
        _draw_bins(axes, line.bins_after, 0, f"after: ECE {line.ece_after:.3f}", "-")
        axes.bar(
            [b.confidence for b in line.bins_after],
            [b.answers / line.answers for b in line.bins_after],
            width=0.04,
            color="#bbbbbb",
            zorder=0,
            label="share of the answers",
        )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right")
        axes.set_title(f"{line.head.value}, {line.corpus}, {line.answers} clips", fontsize=10)
        axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=DPI)


def draw_coverage(path: Path, by_head: Mapping[str, Sequence[Confidence]]) -> None:
    """Draw accuracy against the share answered, a panel a head, a line a corpus."""
    figure = Figure(figsize=(4.6 * len(by_head), 4.2), layout="constrained")
    panels = _panels(figure, len(by_head))
    for axes, (head, lines) in zip(panels, by_head.items(), strict=True):
        for index, line in enumerate(lines):
            share, right = zip(*line.coverage, strict=True)
            colour, marker = COLOURS[index % 7], MARKERS[index % 7]
            axes.plot(share, right, color=colour, label=f"{line.corpus}: AURC {line.aurc:.3f}")
            axes.plot(line.answered, line.accuracy_answered, marker, color=colour, markersize=8)
        axes.set(xlim=(0, 1.02), xlabel="share answered, most confident first")
        axes.set(ylabel="share of those right", ylim=(None, 1.01))
        axes.set_title(f"{head}; the mark is the threshold", fontsize=10)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=DPI)


def draw_courses(path: Path, courses: Sequence[Course]) -> None:
    """Draw the emotion UAR against what was heard of each utterance."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for index, course in enumerate(courses):
        end = course.told[-1].uar or 0.0
        told = [(m.heard_ms, m.uar) for m in course.curve if m.heard_ms and m.uar is not None]
        axes.plot(
            [heard_ms / 1_000 for heard_ms, _ in told],
            [uar for _, uar in told],
            color=COLOURS[index % 7],
            marker=MARKERS[index % 7],
            markersize=4,
            label=f"{course.corpus}: {end:.2f} at the end",
        )
        axes.axhline(end, color=COLOURS[index % 7], linewidth=0.8, linestyle=":")
    axes.set(xlabel="seconds of the utterance heard (0.3 s of pre-roll included)", xlim=(0, None))
    axes.set(ylabel="UAR of the answers at hand")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=DPI)


def draw_conditions(
    path: Path, conditions: Sequence[str], by_head: Mapping[str, Sequence[Sequence[HeadFigures]]]
) -> None:
    """Draw each corpus's figure under every condition, with its interval, a panel a head.

    UAR for emotion, accuracy for gender; ``by_head`` holds a row a corpus.
    """
    figure = Figure(figsize=(5.2 * len(by_head), 4.4), layout="constrained")
    panels = _panels(figure, len(by_head))
    for axes, (head, corpora) in zip(panels, by_head.items(), strict=True):
        metric = "uar" if head == "emotion" else "accuracy"
        for index, lines in enumerate(corpora):
            _draw_condition_row(axes, conditions, lines, metric, index, len(corpora))
        axes.set_xticks(range(len(conditions)), conditions, rotation=45, ha="right")
        axes.set_ylabel("UAR" if metric == "uar" else "accuracy")
        axes.set_title(head, fontsize=10)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=DPI)


def _draw_condition_row(
    axes: Axes,
    conditions: Sequence[str],
    lines: Sequence[HeadFigures],
    metric: str,
    index: int,
    rows: int,
) -> None:
    # Side by side, or the intervals hide each other.
    offset = 0.14 * (index - (rows - 1) / 2)
    places = [conditions.index(line.condition) + offset for line in lines]
    values = [getattr(line.figures, metric) for line in lines]
    ends = [
        getattr(line.intervals, metric) if line.intervals is not None else (value, value)
        for line, value in zip(lines, values, strict=True)
    ]
    errors = [
        [max(value - low, 0) for value, (low, _) in zip(values, ends, strict=True)],
        [max(high - value, 0) for value, (_, high) in zip(values, ends, strict=True)],
    ]
    axes.errorbar(
        places,
        values,
        yerr=errors,
        fmt=MARKERS[index % 7],
        color=COLOURS[index % 7],
        linewidth=1,
        capsize=2,
        label=lines[0].corpus,
    )


def _draw_bins(axes: Axes, bins: Sequence[Bin], index: int, label: str, style: str) -> None:
    confidence, right = [b.confidence for b in bins], [b.right for b in bins]
    colour, marker = COLOURS[index], MARKERS[index]
    axes.plot(confidence, right, style, color=colour, marker=marker, markersize=5, label=label)


def _panels(figure: Figure, count: int) -> list[Axes]:
    return list(figure.subplots(1, count, squeeze=False)[0])
