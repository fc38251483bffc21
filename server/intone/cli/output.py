"""What ``intone analyze`` and ``intone stream`` print: a table, JSON lines or CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import click
import msgspec

from intone.types import Decision, UtteranceInterim, UtteranceResult

FORMATS = ("table", "jsonl", "csv")

_NAME_WIDTH = 40


class Line(msgspec.Struct, frozen=True):
    """One utterance (or interim) of one file; field names are the JSON's."""

    file: str
    channel: int
    start_ms: int
    end_ms: int
    emotion: Decision
    gender: Decision
    model: str
    event: str | msgspec.UnsetType = msgspec.UNSET
    """``interim`` or ``result``, said only where interims are printed too."""


def to_line(
    file: str, event: UtteranceResult | UtteranceInterim, model: str, *, with_interims: bool = False
) -> Line:
    """Return what is printed of ``event``."""
    kind = "result" if isinstance(event, UtteranceResult) else "interim"
    return Line(
        file=file,
        channel=event.channel,
        start_ms=event.start_ms,
        end_ms=event.end_ms,
        emotion=event.emotion.rounded(),
        gender=event.gender.rounded(),
        model=model,
        event=kind if with_interims else msgspec.UNSET,
    )


class LineFormat(Protocol):
    """Turns lines into text; neither text ends in a newline."""

    def header(self) -> str | None:
        """Return what stands above the first line."""
        ...

    def row(self, line: Line) -> str:
        """Return one line as text."""
        ...


class JsonLines:
    """One JSON object a line."""

    def header(self) -> None:
        """Return nothing: JSON lines have no header."""

    def row(self, line: Line) -> str:
        """See :class:`LineFormat`."""
        return msgspec.json.encode(line).decode()


class Csv:
    """One column a score, in the model's order."""

    def __init__(
        self, emotions: Sequence[str], genders: Sequence[str], *, with_interims: bool
    ) -> None:
        self._emotions = emotions
        self._genders = genders
        self._event = ["event"] if with_interims else []

    def header(self) -> str:
        """Return the names of the columns."""
        emotion = ["emotion", "emotion_confidence", *(f"emotion_{name}" for name in self._emotions)]
        gender = ["gender", "gender_confidence", *(f"gender_{name}" for name in self._genders)]
        span = ["file", "channel", "start_ms", "end_ms"]
        return _csv_row([*span, *emotion, *gender, "model", *self._event])

    def row(self, line: Line) -> str:
        """See :class:`LineFormat`."""
        event = [] if isinstance(line.event, msgspec.UnsetType) else [line.event]
        emotion = _csv_cells(line.emotion, self._emotions)
        gender = _csv_cells(line.gender, self._genders)
        span = [line.file, line.channel, line.start_ms, line.end_ms]
        return _csv_row([*span, *emotion, *gender, line.model, *event])


def _csv_cells(decision: Decision, labels: Sequence[str]) -> list[object]:
    return [decision.label, decision.confidence, *(decision.scores[label] for label in labels)]


def _csv_row(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


class Table:
    """Columns for people, a line at a time, so that a live stream shows what it hears."""

    def __init__(self, files: Sequence[str]) -> None:
        longest = max((len(file) for file in files), default=0)
        self._width = min(max(longest, len("file")), _NAME_WIDTH)

    def header(self) -> str:
        """Return the names of the columns."""
        head = f"{'file':<{self._width}}  ch  {'start s':>8}  {'end s':>8}  emotion          gender"
        return click.style(head, bold=True)

    def row(self, line: Line) -> str:
        """See :class:`LineFormat`."""
        # Names of one folder differ at their end.
        name = line.file if len(line.file) <= self._width else "…" + line.file[1 - self._width :]
        text = (
            f"{name:<{self._width}}  {line.channel:>2}  "
            f"{line.start_ms / 1_000:>8.2f}  {line.end_ms / 1_000:>8.2f}  "
            f"{line.emotion.label:<10} {line.emotion.confidence:>4.0%}  "
            f"{line.gender.label:<7} {line.gender.confidence:>4.0%}"
        )
        return click.style(text, dim=True) if line.event == "interim" else text


def make_format(
    name: str,
    files: Sequence[str],
    emotions: Sequence[str],
    genders: Sequence[str],
    *,
    with_interims: bool = False,
) -> LineFormat:
    """Return the format called ``name``, one of :data:`FORMATS`."""
    if name == "jsonl":
        return JsonLines()
    if name == "csv":
        return Csv(emotions, genders, with_interims=with_interims)
    return Table(files)


def note_discards(discards: Counter[str]) -> None:
    """Say on standard error how many utterances had no result, and why."""
    if discards:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(discards.items()))
        click.echo(f"intone: utterances without a result: {reasons}", err=True)
