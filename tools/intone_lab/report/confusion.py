"""A confusion matrix as a picture, of a model's report and of a protocol's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

DPI = 90


def draw_confusion(
    path: Path,
    counts: Sequence[Sequence[int]],
    true: Sequence[str],
    said: Sequence[str],
    title: str = "",
) -> None:
    """Draw shares of each true class: ``counts`` has a row for each of ``true``, ``said`` across.

    A label that is never true has an empty row.
    """
    numbers = np.array(counts)
    share = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    size = len(true)
    figure = Figure(figsize=(2.6 + 0.62 * size, 1.9 + 0.52 * size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(said)), said, rotation=45, ha="right")
    axes.set_yticks(range(size), true)
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    for (row, column), value in np.ndenumerate(share):
        # Black on dark blue cannot be read.
        colour = "white" if value > 0.5 else "black"
        told = f"{value:.2f}" if value else ""
        axes.text(column, row, told, ha="center", va="center", color=colour, size=8)
    figure.colorbar(image, label="share of the true class")
    if title:
        # Over the whole picture: the matrix of two labels is narrower than most titles.
        figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=DPI)
