"""Every picture of the page: what it is called, how to read it, what it says in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from intone_lab.corpora import Clip, read_audio
from intone_lab.explore import pictures
from intone_lab.explore.acoustics import at_rate
from intone_lab.explore.clip_picture import clip_figure
from intone_lab.explore.table import Described
from intone_lab.explore.typical import typical_rows
from intone_lab.palette import Theme


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One figure of the page."""

    name: str
    """Of its files, without theme and ending."""
    title: str
    caption: str
    alt: str
    """What the picture says, for whoever does not see it."""
    draw: Callable[[Theme], Figure]


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Pictures under one heading."""

    title: str
    intro: str
    pictures: tuple[Picture, ...]


def sections(described: Described) -> list[Section]:
    """Return what the page shows of these clips; without a label no picture that needs one."""
    table = described.table
    found = [
        Section(
            "What there is",
            "Labels are those of the published file names.",
            tuple(_counts(table)),
        ),
        Section(
            "What it looks like",
            "For each emotion the clip nearest to the median of its emotion and corpus over all "
            "descriptors, of one voice as far as it has clips. Amplitude 1 is full scale.",
            tuple(_clips(described)),
        ),
        Section(
            "What tells the emotions apart",
            "Boxes hold the middle half of the clips, the line is the median, whiskers reach to "
            "1.5 times the box, dots are clips beyond. What was measured mixes voices and "
            "microphones; on the right each clip is compared with its own speaker's others.",
            tuple(_by_emotion(table)),
        ),
        Section(
            "Women and men",
            "What parts the genders can pass for an emotion to a model that hears too few of "
            "either.",
            tuple(_by_gender(table)),
        ),
    ]
    return [section for section in found if section.pictures]


def _counts(table: pd.DataFrame) -> Iterator[Picture]:
    if pictures.emotions_in(table):
        yield Picture(
            "clips-by-emotion",
            "Emotions",
            "A corpus without an emotion cannot teach it; one with a single emotion teaches its "
            "microphone. None: no label, or one that is not of the eight.",
            _in_words("Clips of each emotion", table["emotion"].value_counts(), "{:.0f}"),
            partial(pictures.clips_by_emotion, table),
        )
    if pictures.genders_in(table):
        yield Picture(
            "clips-by-gender",
            "Genders",
            "A corpus of one gender says nothing about gender but its own name.",
            _in_words("Clips of each gender", table["gender"].value_counts(), "{:.0f}"),
            partial(pictures.clips_by_gender, table),
        )
    yield Picture(
        "clips-by-speaker",
        "Speakers",
        "Many clips of few voices teach the voices.",
        _in_words("Speakers in each corpus", table.groupby("corpus")["speaker"].nunique(), "{:d}"),
        partial(pictures.clips_by_speaker, table),
    )
    yield Picture(
        "durations",
        "Durations",
        "Of whole clips, with their pauses.",
        _in_words("Median duration in seconds", _medians(table, "corpus", "duration_s"), "{:.1f}"),
        partial(pictures.durations, table),
    )


def _clips(described: Described) -> Iterator[Picture]:
    for emotion, row in typical_rows(described.table).items():
        clip, about = described.clips[row], described.table.iloc[row]
        mean_hz = about["pitch_hz_mean"]
        pitch = "no pitch" if pd.isna(mean_hz) else f"pitch {mean_hz:.0f} Hz"
        alt = (
            f"Waveform, magnitude spectrum, spectrogram, log-amplitude spectrogram, mel "
            f"spectrogram and MFCCs of a clip labelled {emotion}: {about['duration_s']:.1f} s, "
            f"{pitch}, spectral centroid {about['spectral_centroid_hz_mean']:.0f} Hz"
        )
        yield Picture(
            f"clip-{emotion}",
            emotion.capitalize(),
            f"{clip.key}, {about['duration_s']:.1f} s, {pitch}",
            alt,
            partial(_draw_clip, clip, emotion),
        )


def _draw_clip(clip: Clip, emotion: str, theme: Theme) -> Figure:
    samples, rate_hz = read_audio(clip.path)
    return clip_figure(at_rate(samples, rate_hz), theme.emotions[emotion])


def _by_emotion(table: pd.DataFrame) -> Iterator[Picture]:
    if not pictures.emotions_in(table):
        return
    for descriptor in pictures.measured_in(table):
        medians = _medians(table, "emotion", descriptor.column)
        yield Picture(
            f"by-emotion-{descriptor.column.replace('_', '-')}",
            descriptor.title,
            f"{descriptor.formula}.",
            _in_words(f"Median {descriptor.title.lower()} ({descriptor.axis})", medians, "{:.3g}"),
            partial(pictures.by_emotion, table, descriptor),
        )
    yield Picture(
        "chroma",
        "Chroma",
        "Energy folded into the twelve pitch classes. Of speech it shows where the voices lie, "
        "and by its evenness how much they glide.",
        "Mean of each of the twelve pitch classes by emotion; the same numbers are in the "
        "columns chroma_… of the table",
        partial(pictures.chroma, table),
    )
    if pictures.against_speaker(table).notna().any(axis=None):
        yield Picture(
            "fingerprints",
            "All at once",
            "Rows alike are emotions that these descriptors confuse.",
            "Median of every descriptor by emotion in standard deviations from the speaker's mean",
            partial(pictures.fingerprints, table),
        )


def _by_gender(table: pd.DataFrame) -> Iterator[Picture]:
    if len(table.dropna(subset=["emotion", "gender"])):
        yield Picture(
            "by-gender",
            "Descriptors by gender",
            "Boxes as above, one a gender.",
            "Every descriptor by emotion, a box a gender. "
            + _in_words("Median pitch in Hz", _medians(table, "gender", "pitch_hz_mean"), "{:.0f}"),
            partial(pictures.by_gender, table),
        )


def _medians(table: pd.DataFrame, by: str, column: str) -> pd.Series:
    return table.groupby(by)[column].median()


def _in_words(what: str, values: pd.Series, form: str) -> str:
    said = (f"{name} {form.format(value)}" for name, value in values.items() if pd.notna(value))
    return f"{what}: {', '.join(said) or 'none'}"
