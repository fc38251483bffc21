"""``index.html``: the pictures, the table in short, what was left out and how it was measured.

Opens from disk, loads nothing from anywhere, and follows the reader's light or dark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import pandas as pd
from rich.progress import track

from intone_lab.catalogue import corpus_named, in_order
from intone_lab.corpora import Skipped
from intone_lab.explore.acoustics import RATE_HZ, FrameSettings
from intone_lab.explore.clip_picture import PICTURE_FRAMES
from intone_lab.explore.descriptors import DESCRIPTORS
from intone_lab.explore.gallery import Picture, Section
from intone_lab.explore.pictures import emotions_in
from intone_lab.explore.table import Described
from intone_lab.health import SILENT_DBFS
from intone_lab.palette import DARK, LIGHT, THEMES

PICTURES = "pictures"
"""The folder of the pictures, beside the page."""

DPI = 110
"""1,210 pixels across: sharp at the page's full width, legible on a phone turned sideways."""

MOST_NAMED = 200
"""Skipped files that the page names of each reason; the rest it counts."""


def draw(folder: Path, sections: Sequence[Section]) -> None:
    """Save every picture in both themes under ``folder``, with a progress bar."""
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    several = [picture for section in sections for picture in section.pictures]
    for picture in track(several, "drawing the pictures"):
        for theme in THEMES:
            with theme.applied():
                picture.draw(theme).savefig(folder / _file(picture, theme.name), dpi=DPI)


def write(
    folder: Path,
    described: Described,
    skipped: Sequence[Skipped],
    sections: Sequence[Section],
    summary: str,
) -> None:
    """Write ``index.html``; ``skipped`` are all files left out, ``summary`` says what was asked."""
    parts = [
        ("Corpora", _corpora(described.table)),
        *((section.title, _section(section)) for section in sections),
        ("Medians", _medians(described.table)),
        ("How it was measured", _method(described.settings)),
        ("Left out", _left_out(skipped)),
    ]
    ids = [title.lower().replace(" ", "-") for title, _ in parts]
    page = Template((files(__package__) / "page.html").read_text(encoding="utf-8"))
    text = page.substitute(
        title="Speech corpora, explored",
        summary=escape(summary),
        contents="".join(
            f'<li><a href="#{name}">{escape(title)}</a></li>'
            for name, (title, _) in zip(ids, parts, strict=True)
        ),
        body="\n".join(
            f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{content}\n</section>'
            for name, (title, content) in zip(ids, parts, strict=True)
        ),
    )
    # A file's name may be no text.
    (folder / "index.html").write_text(text, encoding="utf-8", errors="backslashreplace")


def _file(picture: Picture, theme: str) -> str:
    return f"{PICTURES}/{picture.name}-{theme}.png"


def _section(section: Section) -> str:
    figures = "\n".join(_figure(picture) for picture in section.pictures)
    return f"<p>{escape(section.intro)}</p>\n{figures}"


def _figure(picture: Picture) -> str:
    light, dark = (escape(_file(picture, theme.name)) for theme in (LIGHT, DARK))
    return (
        f'<figure id="{escape(picture.name)}">\n'
        f"<figcaption><h3>{escape(picture.title)}</h3><p>{escape(picture.caption)}</p></figcaption>\n"
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
        f'<img src="{light}" alt="{escape(picture.alt)}" loading="lazy"></picture>\n</figure>'
    )


def _corpora(table: pd.DataFrame) -> str:
    rows = []
    for name in in_order(table["corpus"]):
        corpus, clips = corpus_named(name), table[table["corpus"] == name]
        rows.append(
            (
                name,
                str(len(clips)),
                str(clips["speaker"].nunique()),
                f"{clips['duration_s'].sum() / 3600:.2f}",
                ", ".join(f"{rate / 1000:g}" for rate in sorted(clips["rate_hz"].unique())),
                corpus.licence,
                corpus.citation,
            )
        )
    header = ("Corpus", "Clips", "Speakers", "Hours", "Rates, kHz", "Licence", "To be cited as")
    return _table("The clips that were described", header, rows, numbers={1, 2, 3, 4})


def _medians(table: pd.DataFrame) -> str:
    header = ("Emotion", "Clips", *(descriptor.title for descriptor in DESCRIPTORS))
    rows = []
    for emotion in emotions_in(table):
        clips = table[table["emotion"] == emotion]
        medians = (clips[descriptor.column].median() for descriptor in DESCRIPTORS)
        cells = ("-" if pd.isna(median) else f"{median:,.4g}" for median in medians)
        rows.append((emotion, str(len(clips)), *cells))
    about = (
        '<p>A row a clip is in <a href="descriptors.csv">descriptors.csv</a> and '
        '<a href="descriptors.parquet">descriptors.parquet</a>: labels, duration, and mean and '
        "standard deviation of every descriptor over the clip's active frames.</p>"
    )
    numbers = set(range(1, len(header)))
    return about + _table("Median clip of each emotion, as measured", header, rows, numbers)


def _method(settings: FrameSettings) -> str:
    frame_ms, hop_ms = (
        1_000 * samples / RATE_HZ for samples in (settings.frame_samples, settings.hop_samples)
    )
    facts = f"""\
Clips are averaged to mono and resampled to {RATE_HZ:,} Hz, what the server hears at.
Frames are {settings.frame_samples:,} samples ({frame_ms:.0f} ms) every {settings.hop_samples} \
({hop_ms:.0f} ms), without padding, spectra |X(f)| under a Hann window. The pictures of single \
clips use {PICTURE_FRAMES.frame_samples} samples every {PICTURE_FRAMES.hop_samples}.
Active frames are within {settings.active_within_db:g} dB of the clip's loudest; means and \
standard deviations are over them, pitch's over voiced frames.
The band energy ratio splits at {settings.split_hz:,} Hz. Pitch is sought from \
{settings.pitch_low_hz} to {settings.pitch_high_hz} Hz. Chroma is tuned to A = 440 Hz.
A clip that nowhere reaches {SILENT_DBFS:.0f} dBFS is silent and left out."""
    rows = [(d.title, d.column, d.formula) for d in DESCRIPTORS]
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts.splitlines())
    return f"<ul>{listed}</ul>" + _table("Descriptors", ("What", "Column", "Formula"), rows)


def _left_out(skipped: Sequence[Skipped]) -> str:
    """Files by the reason that they share: what follows a colon is of one file."""
    if not skipped:
        return "<p>No file: every one is a clip that could be described.</p>"
    parts = [f'<p class="alarm">{len(skipped)} files could not be taken.</p>']
    reasons = Counter(item.reason.partition(":")[0] for item in skipped)
    for reason, count in sorted(reasons.items()):
        names = [
            f"{item.path}{item.reason.removeprefix(reason)}"
            for item in skipped
            if item.reason.partition(":")[0] == reason
        ]
        more = [f"and {count - MOST_NAMED} more"] if count > MOST_NAMED else []
        listed = "".join(f"<li>{escape(name)}</li>" for name in (*names[:MOST_NAMED], *more))
        parts.append(
            f"<details><summary>{count}: {escape(reason)}</summary><ul>{listed}</ul></details>"
        )
    return "\n".join(parts)


def _table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Iterable[int] = (),
) -> str:
    """Escape and lay out cells; ``numbers`` are the columns set to the right."""
    classes = dict.fromkeys(numbers, ' class="number"')
    heads = "".join(
        f'<th scope="col"{classes.get(i, "")}>{escape(cell)}</th>' for i, cell in enumerate(header)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{classes.get(i, '')}>{escape(cell)}</td>" for i, cell in enumerate(row))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table></div>"
    )
