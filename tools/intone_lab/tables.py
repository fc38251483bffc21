"""A user's own recordings: a CSV that names each file with its labels.

The header has ``path``, ``emotion``, ``gender`` and ``speaker``, in any order, and may have
``corpus`` and ``sentence``; what else it has is not looked at. A path is relative to the CSV.
"""

from __future__ import annotations

import csv
import difflib
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from intone_lab.catalogue import CORPORA, EMOTIONS, GENDERS, CorpusError
from intone_lab.corpora import Clip, Survey, survey

REQUIRED = ("path", "emotion", "gender", "speaker")

SHOWN_PROBLEMS = 10
"""A wrong column is wrong on every line: ten lines show it."""


@dataclass(slots=True)
class _Problems:
    """What is wrong with a table, gathered so that one reading tells all of it."""

    table: Path
    found: list[str] = field(default_factory=list)

    def add(self, line: int, column: str, what: str) -> None:
        self.found.append(f"line {line}, column {column}: {what}")

    def raise_if_any(self) -> None:
        if not self.found:
            return
        shown = "\n  ".join(self.found[:SHOWN_PROBLEMS])
        more = len(self.found) - SHOWN_PROBLEMS
        rest = f"\n  … and {more} more" if more > 0 else ""
        raise CorpusError(f"{self.table}:\n  {shown}{rest}")


def gather(root: Path | None, tables: Sequence[Path] = ()) -> Survey:
    """Look at a folder of published corpora, a user's own tables, or both.

    A name in a table is one person, whatever the corpus. A file under ``root`` that a table names
    is the table's. Raises :class:`CorpusError` as :func:`intone_lab.corpora.survey` and
    :func:`read_table` do, and if the tables' clips cannot be told apart.
    """
    own = _same_people([read_table(table) for table in tables])
    named = Counter(clip.path.resolve() for clip in own)
    _check_distinct(own, named, tables)
    if root is None:
        return Survey(_sorted(own), ())
    found = survey(root)
    kept = [clip for clip in found.clips if not named or clip.path.resolve() not in named]
    skipped = [s for s in found.skipped if not named or s.path.resolve() not in named]
    return Survey(_sorted([*kept, *own]), tuple(skipped))


def read_table(table: Path) -> list[Clip]:
    """Return the clips that a CSV in UTF-8 names, in its order.

    The corpus is the CSV's own name where it has no such column. An empty emotion or gender
    leaves that label open. Raises :class:`CorpusError` that names line and column of what is
    missing, unknown or said twice.
    """
    problems = _Problems(table)
    clips: list[Clip] = []
    lines: dict[Path, int] = {}
    for line, row in _rows(table):
        clip = _clip(table, line, row, problems)
        file = _the_file(clip)
        if file in lines:
            problems.add(line, "path", f"the same file as on line {lines[file]}")
        lines.setdefault(file, line)
        clips.append(clip)
    problems.raise_if_any()
    if not clips:
        raise CorpusError(f"{table} names no clip")
    return clips


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line, names of columns in lower case, cells stripped."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(table, header)
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise CorpusError(
                        f"{table}, line {reader.line_num}: {len(cells)} columns, "
                        f"where the header has {len(header)}"
                    )
                stripped = (cell.strip() for cell in cells)
                yield reader.line_num, dict(zip(header, stripped, strict=True))
    except UnicodeDecodeError as error:
        raise CorpusError(f"{table} is not UTF-8 text") from error
    except csv.Error as error:
        raise CorpusError(f"{table} is no CSV: {error}") from error
    except OSError as error:
        raise CorpusError(f"cannot read {table}: {error.strerror or error}") from error


def _check_header(table: Path, header: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        hint = "; columns are separated by commas" if len(header) == 1 else ""
        raise CorpusError(
            f"{table}, line 1: no column {', '.join(missing)} "
            f"(there is {', '.join(header) or 'nothing'}){hint}"
        )
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise CorpusError(f"{table}, line 1: column {', '.join(twice)} is there twice")


def _the_file(clip: Clip) -> Path:
    """Return what tells one file from another, however it is named."""
    return clip.path.resolve() if _is_file(clip.path) else clip.path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # A name that no file can have.
        return False


def _clip(table: Path, line: int, row: dict[str, str], problems: _Problems) -> Clip:
    corpus = row.get("corpus") or table.stem
    if corpus in CORPORA:
        what = f"{corpus} is a published corpus, which is read by its files' names"
        problems.add(line, "corpus", what)
    elif "/" in corpus:
        problems.add(line, "corpus", f"{corpus!r} has a slash")
    for column, known in (("emotion", EMOTIONS), ("gender", GENDERS)):
        if row[column] and row[column].lower() not in known:
            problems.add(line, column, _unknown(row[column], known))
    if not row["speaker"]:
        problems.add(line, "speaker", "is empty; who speaks decides who is held out")
    path = table.parent / row["path"]
    if not row["path"]:
        problems.add(line, "path", "is empty")
    elif not _is_file(path):
        problems.add(line, "path", f"no file {row['path']} beside the table")
    name = posixpath.normpath(row["path"])
    return Clip(
        path=path,
        corpus=corpus,
        speaker=f"{corpus}/{row['speaker']}",
        gender=row["gender"].lower() or None,
        emotion=row["emotion"].lower() or None,
        sentence=row.get("sentence") or name,
        name=name,
    )


def _unknown(said: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(said.lower(), known, n=1)
    hint = f", did you mean {close[0]}?" if close else ""
    return f"{said!r} is not one of {', '.join(known)}, nor empty{hint}"


def _check_distinct(clips: Sequence[Clip], files: Counter[Path], tables: Sequence[Path]) -> None:
    unnamed = Counter(table.stem for table in tables)
    twice = [stem for stem, count in unnamed.items() if count > 1]
    if twice and any(clip.corpus in twice for clip in clips):
        # Their speakers would be taken for the same people.
        raise CorpusError(
            f"two tables are named {twice[0]}: rename one, or give it a column corpus"
        )
    keys = Counter(clip.key for clip in clips)
    for key, count in keys.items():
        if count > 1:
            raise CorpusError(f"{count} tables name a clip {key}")
    # The same voice as two speakers would stand on both sides of a split.
    for file, count in files.items():
        if count > 1:
            raise CorpusError(f"{count} tables name the file {file}")


def _same_people(tables: Sequence[Sequence[Clip]]) -> list[Clip]:
    """Return all clips, those of one name in several corpora of a table as one speaker's.

    Else a voice would stand on both sides of a split. The speaker is called by the first corpus.
    """
    first: dict[str, str] = {}

    def of(speaker: str) -> str:
        while (before := first.setdefault(speaker, speaker)) != speaker:
            speaker = before
        return speaker

    for clips in tables:
        by_name: dict[str, str] = {}
        for clip in clips:
            name = clip.speaker.removeprefix(f"{clip.corpus}/")
            one, other = sorted((of(by_name.setdefault(name, clip.speaker)), of(clip.speaker)))
            first[other] = one
    return [replace(clip, speaker=of(clip.speaker)) for clips in tables for clip in clips]


def _sorted(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    return tuple(sorted(clips, key=lambda clip: (clip.corpus, clip.speaker, clip.name)))
