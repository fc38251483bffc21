"""CREMA-D's tables: what its actors are, and what listeners heard in its clips."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from intone_lab.catalogue import EMOTIONS, GENDERS, CorpusError, NotSpeech
from intone_lab.folder_walk import files_below

ACTORS = "VideoDemographics.csv"
"""The table of actors, published beside the sound folder."""

VOTES = ("tabulatedVotes.csv", "voice_votes.csv")
"""The table of votes, published in ``processedResults``; and its rows of the voice alone."""

_PUBLISHED = (ACTORS, f"processedResults/{VOTES[0]}")
"""Where the tables lie beside the sound folder."""

_LETTERS = {
    "A": "angry",
    "D": "disgust",
    "F": "fearful",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}
"""The columns of votes."""

_VOICE = "1"
"""How the published table numbers what was heard and not seen (CREMA-D, tabulateVotesV2.r)."""


@dataclass(frozen=True)
class Tables:
    """The tables of one copy of the corpus, each read when first asked for."""

    root: Path
    """Searched for the tables, and above it, where they lie if this is the sound folder."""

    def gender(self, actor: str) -> str:
        """Return an actor's sex. Raises :class:`NotSpeech` where no table tells it."""
        if actor not in self._genders:
            raise NotSpeech(f"no {ACTORS} under the root tells its actor's sex")
        return self._genders[actor]

    def perceived(self, name: str) -> tuple[float, ...] | None:
        """Return the share of listeners who heard each of ``EMOTIONS`` in the voice of a clip."""
        return self._votes.get(name)

    @cached_property
    def _genders(self) -> dict[str, str]:
        rows = (row for table in self._named(ACTORS) for row in _rows(table, "ActorID", "Sex"))
        sexes = ((row["ActorID"], (row["Sex"] or "").lower()) for row in rows)
        return {actor: sex for actor, sex in sexes if sex in GENDERS}

    @cached_property
    def _votes(self) -> dict[str, tuple[float, ...]]:
        return {
            name: shares
            for file in VOTES
            for table in self._named(file)
            for name, shares in _read_votes(table)
        }

    def _named(self, file: str) -> Iterator[Path]:
        above = (self.root.parent / path for path in _PUBLISHED if Path(path).name == file)
        yield from (path for path in above if path.is_file())
        yield from (path for path in self._below if path.name == file)

    @cached_property
    def _below(self) -> list[Path]:
        # Once: a folder of corpora holds thousands of files.
        return sorted(path for path in files_below(self.root) if path.name in (ACTORS, *VOTES))


def _read_votes(table: Path) -> Iterator[tuple[str, tuple[float, ...]]]:
    for row in _rows(table, "fileName", *_LETTERS):
        # The published table's first column has no name: 100,000 times what was shown, and a count.
        if not (row.get("") or _VOICE).startswith(_VOICE):
            continue
        try:
            votes = {emotion: int(row[letter]) for letter, emotion in _LETTERS.items()}
        except (TypeError, ValueError) as error:
            raise CorpusError(f"{table}: the votes on {row['fileName']} are no numbers") from error
        if total := sum(votes.values()):
            yield row["fileName"], tuple(votes.get(emotion, 0) / total for emotion in EMOTIONS)


def _rows(table: Path, *columns: str) -> Iterator[dict[str, str]]:
    """Every row of a table; a cell is None where the row ends before."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if not set(columns) <= set(rows.fieldnames or ()):
                names = f"{', '.join(columns[:-1])} and {columns[-1]}"
                raise CorpusError(f"{table} has no columns {names}")
            yield from rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{table} is no table: {error}") from error
