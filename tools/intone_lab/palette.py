"""The colours of the pictures of ``explore``: those of the page, in its light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl

LEVELS = "magma"
"""Colour map of spectrograms: even steps look even, also to the colour-blind and in grey."""
SIGNED = "RdBu_r"
"""Colour map of what goes both ways from zero; red and blue part in every kind of vision."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours, as ``#rrggbb``, on one background. A test holds them equal to the page's CSS."""

    name: str
    card: str
    """The background that a picture lies on."""
    ink: str
    ink_soft: str
    line: str
    accent: str
    emotions: Mapping[str, str]
    """One colour an emotion, everywhere; they differ in lightness too."""
    genders: Mapping[str, str]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Make matplotlib draw in these colours; for figures made and saved inside."""
        with mpl.rc_context(
            {
                "figure.facecolor": self.card,
                "savefig.facecolor": self.card,
                "axes.facecolor": self.card,
                "axes.edgecolor": self.ink_soft,
                "axes.labelcolor": self.ink,
                "axes.titlecolor": self.ink,
                "axes.titlesize": 11,
                "axes.labelsize": 10,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.axisbelow": True,
                "grid.color": self.line,
                "legend.frameon": False,
                "text.color": self.ink,
                "xtick.color": self.ink_soft,
                "xtick.labelcolor": self.ink,
                "ytick.color": self.ink_soft,
                "ytick.labelcolor": self.ink,
            }
        ):
            yield


LIGHT = Theme(
    name="light",
    card="#ffffff",
    ink="#1d2126",
    ink_soft="#565d66",
    line="#dcdcd5",
    accent="#2f5d8a",
    emotions={
        "neutral": "#828e96",
        "calm": "#0da465",
        "happy": "#a7901d",
        "sad": "#1758f3",
        "angry": "#763232",
        "fearful": "#582973",
        "disgust": "#596105",
        "surprised": "#e931ca",
    },
    genders={"female": "#8a5aa8", "male": "#27808f"},
)

DARK = Theme(
    name="dark",
    card="#1a1e24",
    ink="#e9ecef",
    ink_soft="#a3acb6",
    line="#313842",
    accent="#7db2e3",
    emotions={
        "neutral": "#96989c",
        "calm": "#8ef9cd",
        "happy": "#f2ae0d",
        "sad": "#3d6bf5",
        "angry": "#dd5a22",
        "fearful": "#924db2",
        "disgust": "#e3f39d",
        "surprised": "#fbb6f0",
    },
    genders={"female": "#c39be0", "male": "#63c3d1"},
)

THEMES = (LIGHT, DARK)
