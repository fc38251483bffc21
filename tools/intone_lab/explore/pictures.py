"""Pictures of the table: how many clips of what, and how the emotions differ.

Nothing else imports seaborn. Every function takes the table of :mod:`intone_lab.explore.table`
and returns a figure, to be made and saved inside :meth:`Theme.applied`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from intone_lab.catalogue import EMOTIONS, GENDERS, in_order
from intone_lab.census import NO_LABEL
from intone_lab.explore.acoustics import PITCH_CLASSES
from intone_lab.explore.descriptors import DESCRIPTORS, Descriptor
from intone_lab.palette import SIGNED, Theme

BIN_S = 0.25
"""Width of a bar of durations: most clips are of 1.5 to 5 s."""

CORPUS_COLOURS = "colorblind"
"""seaborn's palette of colours that the colour-blind can tell apart."""

LEAST_CLIPS = 4
"""Of a speaker, to tell a mean and a spread: two clips are always 0.7 of them apart from it."""

NOTES = tuple(name.removesuffix("_sharp").upper() + "♯" * ("_" in name) for name in PITCH_CLASSES)


def emotions_in(table: pd.DataFrame) -> list[str]:
    """Emotions that the table holds, in the order of ``EMOTIONS``."""
    return [emotion for emotion in EMOTIONS if (table["emotion"] == emotion).any()]


def genders_in(table: pd.DataFrame) -> list[str]:
    """Genders that the table holds."""
    return [gender for gender in GENDERS if (table["gender"] == gender).any()]


def measured_in(table: pd.DataFrame) -> list[Descriptor]:
    """Descriptors that some clip has; noise alone has no pitch."""
    return [descriptor for descriptor in DESCRIPTORS if table[descriptor.column].notna().any()]


def against_speaker(table: pd.DataFrame) -> pd.DataFrame:
    """Descriptors in standard deviations from the mean of the clip's own speaker.

    The same rows, a column a descriptor; of logarithmic ones the logarithm. NaN where the
    speaker has clips of one emotion only, which has nothing to differ from, or fewer than
    :data:`LEAST_CLIPS`.
    """
    values = pd.DataFrame(
        {
            d.column: np.log(table[d.column]) if d.is_logarithmic else table[d.column]
            for d in DESCRIPTORS
        }
    )
    speakers = values.groupby(table["speaker"])
    spread = speakers.transform("std")
    relative = (values - speakers.transform("mean")) / spread.where(spread > 0)
    emotions = table.groupby("speaker")["emotion"]
    enough = (emotions.transform("nunique") > 1) & (emotions.transform("size") >= LEAST_CLIPS)
    return relative.where(enough)


def clips_by_emotion(table: pd.DataFrame, theme: Theme) -> Figure:
    """Bars of clips by emotion, and a table of corpora and emotions."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    among = emotions_in(table)
    sns.countplot(
        table, y="emotion", order=among, hue="emotion", hue_order=among, palette=theme.emotions,
        saturation=1, legend=False, ax=left,
    )  # fmt: skip
    _number(left)
    left.set(title="Clips by emotion", xlabel="clips", ylabel="")
    counts = pd.crosstab(table["corpus"], table["emotion"].fillna(NO_LABEL))
    columns = [name for name in (*EMOTIONS, NO_LABEL) if name in counts]
    counts = counts.loc[list(in_order(counts.index)), columns]
    sns.heatmap(
        counts, annot=True, fmt="d", cmap="Blues", cbar=False, linewidths=2,
        linecolor=theme.card, ax=right,
    )  # fmt: skip
    right.set(title="Clips by corpus and emotion", xlabel="", ylabel="")
    right.tick_params(length=0)
    right.set_xticks(right.get_xticks(), columns, rotation=30, ha="right")
    right.tick_params(axis="y", rotation=0)
    return figure


def clips_by_gender(table: pd.DataFrame, theme: Theme) -> Figure:
    """Bars of clips and of speakers by corpus and gender."""
    corpora = in_order(table["corpus"])
    figure = Figure(figsize=(11, 1.4 + 0.5 * len(corpora)), layout="constrained")
    # Whose gender some clip tells.
    speakers = table.groupby("speaker", as_index=False).first()
    for axes, rows, what in zip(
        figure.subplots(1, 2, sharey=True), (table, speakers), ("clips", "speakers"), strict=True
    ):
        sns.countplot(
            rows, y="corpus", order=corpora, hue="gender", hue_order=genders_in(table),
            palette=theme.genders, saturation=1, legend=what == "speakers", ax=axes,
        )  # fmt: skip
        _number(axes)
        axes.set(title=f"{what.capitalize()} by gender", xlabel=what, ylabel="")
    axes.legend(title="", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def clips_by_speaker(table: pd.DataFrame, theme: Theme) -> Figure:
    """A bar a speaker in the colour of their gender, a row a corpus."""
    corpora = in_order(table["corpus"])
    figure = Figure(figsize=(11, 2 * len(corpora)), layout="constrained")
    for axes, corpus in zip(np.ravel(figure.subplots(len(corpora), 1)), corpora, strict=True):
        own = table[table["corpus"] == corpus]
        counts = own.groupby("speaker").agg(clips=("name", "size"), gender=("gender", "first"))
        colours = [theme.genders.get(str(gender), theme.ink_soft) for gender in counts["gender"]]
        names = [str(speaker).removeprefix(f"{corpus}/") for speaker in counts.index]
        axes.bar(names, counts["clips"], color=colours)
        axes.set(title=f"{corpus}: {len(names)} speakers", ylabel="clips")
        # A bar must not become a wall where there are two, nor its name vanish among ninety.
        axes.set_xlim(-0.6, max(len(names), 24) - 0.4)
        small = len(names) > 24
        axes.tick_params(axis="x", rotation=90 if small else 0, labelsize=7 if small else 9)
        axes.grid(axis="y")
    present = genders_in(table)
    patches = [mpl.patches.Patch(color=theme.genders[name], label=name) for name in present]
    figure.legend(handles=patches, loc="outside upper right", ncols=max(1, len(present)))
    return figure


def durations(table: pd.DataFrame, theme: Theme) -> Figure:
    """A histogram of durations by corpus, and box plots by emotion where there are any."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    among = emotions_in(table)
    left, *more = figure.subplots(1, 2 if among else 1, squeeze=False)[0]
    corpora = in_order(table["corpus"])
    # Bins of its own would be none where all clips are equally long.
    bins = np.arange(int(table["duration_s"].max() / BIN_S) + 2) * BIN_S
    sns.histplot(
        table, x="duration_s", hue="corpus", hue_order=corpora, bins=bins, multiple="stack",
        palette=sns.color_palette(CORPUS_COLOURS, len(corpora)), edgecolor=theme.card, ax=left,
    )  # fmt: skip
    left.set(title="Duration by corpus", xlabel="duration, s", ylabel="clips")
    left.set_xlim(left=max(0.0, table["duration_s"].min() - 2 * BIN_S))
    left.get_legend().set_title("")
    for right in more:
        _boxes(right, table, "duration_s", theme.emotions, among, theme)
        right.set(title="Duration by emotion", xlabel="duration, s")
    return figure


def by_emotion(table: pd.DataFrame, descriptor: Descriptor, theme: Theme) -> Figure:
    """Box plots of a descriptor by emotion: as measured, and against the speaker's own mean."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    among = emotions_in(table)
    _boxes(left, table, descriptor.column, theme.emotions, among, theme)
    left.set(title=f"{descriptor.title}, as measured", xlabel=descriptor.axis)
    if descriptor.is_logarithmic:
        _logarithmic(left)
    relative = table[["emotion"]].assign(relative=against_speaker(table)[descriptor.column])
    _boxes(right, relative, "relative", theme.emotions, among, theme)
    right.axvline(0, color=theme.ink_soft, linewidth=1)
    label = "standard deviations from the speaker's own mean"
    right.set(title=f"{descriptor.title}, the same voice compared", xlabel=label)
    return figure


def by_gender(table: pd.DataFrame, theme: Theme) -> Figure:
    """Box plots of every descriptor by emotion and gender."""
    descriptors = measured_in(table)
    rows = (len(descriptors) + 1) // 2
    figure = Figure(figsize=(11, 4 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 2).flat)
    for axes, descriptor in zip(panels, descriptors, strict=False):
        _boxes(axes, table, descriptor.column, theme.genders, emotions_in(table), theme, "gender")
        axes.set(title=descriptor.title, xlabel=descriptor.axis)
        if descriptor.is_logarithmic:
            _logarithmic(axes)
    handles, labels = panels[0].get_legend_handles_labels()
    for axes in panels[: len(descriptors)]:
        axes.get_legend().remove()
    for axes in panels[len(descriptors) :]:
        axes.set_axis_off()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


def chroma(table: pd.DataFrame, theme: Theme) -> Figure:
    """Mean chroma by emotion: emotions down, pitch classes across."""
    columns = [f"chroma_{name}_mean" for name in PITCH_CLASSES]
    means = table.groupby("emotion")[columns].mean().loc[emotions_in(table)]
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        means, annot=True, fmt=".2f", cmap="cividis", xticklabels=NOTES, linewidths=2,
        linecolor=theme.card, cbar_kws={"label": "mean chroma"}, ax=axes,
    )  # fmt: skip
    axes.set(title="Chroma: mean of each pitch class", xlabel="pitch class (A = 440 Hz)", ylabel="")
    axes.tick_params(length=0)
    return figure


def fingerprints(table: pd.DataFrame, theme: Theme) -> Figure:
    """Median of every descriptor by emotion against the speaker's own mean."""
    relative = against_speaker(table).groupby(table["emotion"]).median().loc[emotions_in(table)]
    relative = relative.dropna(how="all")
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        relative, annot=True, fmt="+.1f", cmap=SIGNED, vmin=-1.5, vmax=1.5, linewidths=2,
        linecolor=theme.card, cbar_kws={"label": "standard deviations"}, ax=axes,
    )  # fmt: skip
    names = [descriptor.title.replace(" ", "\n", 1) for descriptor in DESCRIPTORS]
    axes.set_xticks(axes.get_xticks(), names, rotation=0)
    axes.set(title="Median of each emotion, against the speaker's own mean", xlabel="", ylabel="")
    axes.tick_params(length=0)
    return figure


def _boxes(
    axes: Axes,
    table: pd.DataFrame,
    column: str,
    palette: Mapping[str, str],
    among: Sequence[str],
    theme: Theme,
    hue: str = "emotion",
) -> None:
    """Draw a box an emotion, or where ``hue`` is ``gender`` a box for each."""
    if table[column].isna().all():
        axes.text(0.5, 0.5, "too few clips", ha="center", transform=axes.transAxes)
        return
    hues = among if hue == "emotion" else genders_in(table)
    with warnings.catch_warnings():
        # seaborn 0.13.2, the newest, names an argument of matplotlib by its old name.
        warnings.filterwarnings("ignore", "vert: bool was deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "vert: bool will be", PendingDeprecationWarning)
        sns.boxplot(
            table, x=column, y="emotion", order=among, hue=hue, hue_order=hues,
            palette={name: palette[name] for name in hues}, saturation=1, linewidth=1,
            linecolor=theme.ink_soft, fliersize=1.5, width=0.7, legend=hue == "gender",
            medianprops={"color": theme.card, "linewidth": 2}, ax=axes,
        )  # fmt: skip
    axes.set_ylabel("")
    axes.grid(axis="x")


def _logarithmic(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    # Under a decade three numbers would be one or two.
    steps = (1, 2, 5) if high / low > 10 else (1, 1.5, 2, 3, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs="all"))
    axes.xaxis.set_minor_formatter("")


def _number(axes: Axes) -> None:
    """Write each bar's number behind it."""
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            axes.bar_label(bars, padding=3, fontsize=9)
    axes.margins(x=0.12)
