"""What a model says of clips, through the server's own core, and how that is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from intone.core.recogniser import Recogniser
from intone.session import Session
from intone.types import (
    AudioFormat,
    Decision,
    Event,
    FloatArray,
    UtteranceDiscarded,
    UtteranceInterim,
    UtteranceResult,
)
from intone_lab import metrics
from intone_lab.catalogue import EMOTIONS
from intone_lab.corpora import Clip
from intone_lab.metrics import Counts, Pair

PIECE_MS = 100
"""What a live client sends at once."""
TRAIL_MS = 100
"""Shorter than a block: an interim after every block that may have one."""


class Head(str, Enum):
    """What a model answers; the values are the names of :class:`Clip`'s labels."""

    EMOTION = "emotion"
    GENDER = "gender"


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """The interims of one utterance, one a block from the first that may have one."""

    ends_ms: NDArray[np.int32]
    """(n,) Audio heard, from the utterance's start, pre-roll included."""
    emotion: FloatArray
    """Log-probabilities (n, emotions)."""

    def every(self, interim_ms: int) -> Trail:
        """Return the interims a client gets that asked for one every ``interim_ms``."""
        kept, due_ms = [], interim_ms
        for index, end_ms in enumerate(self.ends_ms):
            if end_ms >= due_ms:
                kept.append(index)
                due_ms = (end_ms // interim_ms + 1) * interim_ms
        return Trail(self.ends_ms[kept], self.emotion[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One clip and what was said of it; its longest utterance stands for it."""

    clip: Clip
    utterances: int
    """Utterances that got a result; a clip should give one."""
    emotion: FloatArray | None
    """Log-probabilities (emotions,); None where no utterance got a result."""
    gender: FloatArray | None
    """Log-probabilities (genders,), likewise."""
    duration_ms: int = 0
    discarded: int = 0
    """Utterances that started and were discarded: too short, or without voiced sound."""
    trail: Trail | None = None
    """None where nothing was heard, or from a model that gives no interims."""

    def said(self, head: Head) -> FloatArray | None:
        """Return the head's log-probabilities."""
        return self.emotion if head is Head.EMOTION else self.gender

    def truth(self, head: Head) -> str | None:
        """Return the clip's label; None where it has none."""
        label: str | None = getattr(self.clip, head.value)
        return label


@dataclass(frozen=True, slots=True, eq=False)
class Listened:
    """What one model, or the models of several folds, said of many clips."""

    emotions: tuple[str, ...]
    """The card's, in its order; clips of other emotions are not counted for emotion."""
    genders: tuple[str, ...]
    rows: tuple[Heard, ...]
    unreadable: Sequence[str] = field(default=())
    """Files that could not be read, and why; they count nowhere."""

    @property
    def corpora(self) -> tuple[str, ...]:
        """Those that the clips are of, sorted."""
        return tuple(sorted({row.clip.corpus for row in self.rows}))

    @property
    def speakers(self) -> int:
        """How many people speak."""
        return len({row.clip.speaker for row in self.rows})

    def of(self, corpus: str) -> Listened:
        """Return one corpus's part."""
        return replace(self, rows=tuple(row for row in self.rows if row.clip.corpus == corpus))

    def without(self, speakers: Collection[str]) -> Listened:
        """Return what was said of all others."""
        rows = tuple(row for row in self.rows if row.clip.speaker not in speakers)
        return replace(self, rows=rows)

    def labels(self, head: Head) -> tuple[str, ...]:
        """Every label the model may say."""
        return self.emotions if head is Head.EMOTION else self.genders

    def present(self, head: Head) -> tuple[str, ...]:
        """Labels of at least one clip in a hundred: a stray clip is no class.

        Fewer than training asks for (:func:`intone_lab.corpora.emotions_present`): a fold
        holds a fifth of a corpus, and what it holds of a rare class is to count.
        """
        counts = Counter(row.truth(head) for row in self.rows)
        labelled = sum(count for label, count in counts.items() if label is not None)
        order = [name for name in EMOTIONS if name in self.emotions]
        order += [name for name in self.emotions if name not in order]
        labels = order if head is Head.EMOTION else self.genders
        return tuple(name for name in labels if counts[name] * 100 >= max(labelled, 1))

    def choices(self, head: Head) -> tuple[str, ...]:
        """Labels that the answer is chosen from; none where no clip has a label.

        The emotions that are there, but both genders: of men alone, everything would be right.
        """
        present = self.present(head)
        return present if head is Head.EMOTION or not present else self.genders

    def pairs(self, head: Head, among: Sequence[str]) -> list[Pair]:
        """Return (true, said) of every clip of ``among``'s labels.

        Said is the best of ``among``, None where nothing was heard.
        """
        return [pair for pairs in self._by_speaker(head, among).values() for pair in pairs]

    def counts(self, head: Head, among: Sequence[str]) -> Counts:
        """Return the confusions of :meth:`pairs`."""
        return metrics.confusion(self.pairs(head, among), among)

    def counts_by_speaker(self, head: Head, among: Sequence[str]) -> list[Counts]:
        """Return the same, a matrix a speaker."""
        by_speaker = self._by_speaker(head, among)
        return [metrics.confusion(pairs, among) for pairs in by_speaker.values()]

    def _by_speaker(self, head: Head, among: Sequence[str]) -> dict[str, list[Pair]]:
        columns = [self.labels(head).index(name) for name in among]
        by_speaker: dict[str, list[Pair]] = {}
        for row in self.rows:
            true, said = row.truth(head), row.said(head)
            if true in among and true is not None:
                best = None if said is None else among[int(np.argmax(said[columns]))]
                by_speaker.setdefault(row.clip.speaker, []).append((true, best))
        return by_speaker


def joined(parts: Sequence[Listened]) -> Listened:
    """Return several parts of one model's, or one run's, as one. There must be a part."""
    return replace(
        parts[0],
        rows=tuple(row for part in parts for row in part.rows),
        unreadable=tuple(line for part in parts for line in part.unreadable),
    )


def hear(clip: Clip, data: bytes, audio: AudioFormat, recogniser: Recogniser) -> Heard:
    """Stream ``data``, as ``audio`` says it is written, to a session of its own.

    The recogniser's card must not be calibrated (temperature 1): what is kept are the model's
    own log-probabilities.
    """
    session = Session(audio, model=recogniser, interim_ms=TRAIL_MS)
    piece_bytes = audio.bytes_per_second * PIECE_MS // 1_000
    events: list[Event] = []
    for start in range(0, len(data), piece_bytes):
        events += session.feed(data[start : start + piece_bytes])
    events += session.finish()
    return _summarise(clip, events)


def _summarise(clip: Clip, events: Sequence[Event]) -> Heard:
    results = [event for event in events if isinstance(event, UtteranceResult)]
    discarded = sum(isinstance(event, UtteranceDiscarded) for event in events)
    longest = max(results, key=lambda result: result.end_ms - result.start_ms, default=None)
    if longest is None:
        return Heard(clip, 0, None, None, discarded=discarded)
    interims = [
        event
        for event in events
        if isinstance(event, UtteranceInterim) and event.utterance_id == longest.utterance_id
    ]
    return Heard(
        clip,
        len(results),
        _log(longest.emotion),
        _log(longest.gender),
        longest.end_ms - longest.start_ms,
        discarded,
        _trail(interims) if interims else None,
    )


def _trail(interims: Sequence[UtteranceInterim]) -> Trail:
    ends_ms = [interim.end_ms - interim.start_ms for interim in interims]
    emotion = [_log(interim.emotion) for interim in interims]
    return Trail(np.array(ends_ms, np.int32), np.stack(emotion))


def _log(decision: Decision) -> FloatArray:
    return np.log(np.array(list(decision.scores.values())) + 1e-12).astype(np.float32)
