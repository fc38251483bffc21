"""What the exported file says of clips it never heard, through the server's own core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intone.core.recogniser import Recogniser
from intone.session import Session
from intone.types import FloatArray, UtteranceResult
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.corpora import Clip
from intone_lab.dataset import load_clip

CHUNK_BYTES = 3_200
"""100 ms of 16 kHz s16le: what a live client sends at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One clip and what was said of it."""

    clip: Clip
    utterances: int
    """Utterances that got a result; a clip should give one."""
    emotion: FloatArray | None
    """Log-probabilities (emotions,) of the longest utterance; None where none was heard."""
    gender: FloatArray | None
    """Log-probabilities (genders,), likewise."""


def listen(clips: Sequence[Clip], recogniser: Recogniser) -> list[Heard]:
    """Stream every clip through a :class:`intone.session.Session` of its own.

    The recogniser's card must not be calibrated (temperature 1): what comes back are the
    model's own log-probabilities.
    """
    return [_listen(clip, recogniser) for clip in clips]


def _listen(clip: Clip, recogniser: Recogniser) -> Heard:
    session = Session(model=recogniser, interim_ms=0)
    pcm = load_clip(clip)
    events = []
    for start in range(0, len(pcm), CHUNK_BYTES):
        events += session.feed(pcm[start : start + CHUNK_BYTES])
    events += session.finish()
    results = [event for event in events if isinstance(event, UtteranceResult)]
    longest = max(results, key=lambda result: result.end_ms - result.start_ms, default=None)
    if longest is None:
        return Heard(clip, 0, None, None)
    emotion, gender = longest.emotion.scores, longest.gender.scores
    return Heard(
        clip,
        len(results),
        np.log([emotion[name] + 1e-12 for name in EMOTIONS]).astype(np.float32),
        np.log([gender[name] + 1e-12 for name in GENDERS]).astype(np.float32),
    )


def emotion_pairs(heard: Sequence[Heard], among: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return (true, said) of every clip of ``among``'s emotions.

    Said is the best of ``among``, None where nothing was heard.
    """
    columns = [EMOTIONS.index(name) for name in among]
    return [
        (
            str(row.clip.emotion),
            None if row.emotion is None else among[int(np.argmax(row.emotion[columns]))],
        )
        for row in heard
        if row.clip.emotion in among
    ]


def gender_pairs(heard: Sequence[Heard]) -> list[tuple[str, str | None]]:
    """Return (true, said) of every clip whose gender is told."""
    return [
        (row.clip.gender, None if row.gender is None else GENDERS[int(np.argmax(row.gender))])
        for row in heard
        if row.clip.gender is not None
    ]


def confusion(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return counts (labels, labels + 1): rows true, columns said; the last is nothing heard."""
    counts = np.zeros((len(labels), len(labels) + 1), np.int64)
    for true, said in pairs:
        column = len(labels) if said is None else list(labels).index(said)
        counts[list(labels).index(true), column] += 1
    return counts


def recalls(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the recall of each class that occurs; a clip in which nothing was heard is wrong."""
    total = counts.sum(axis=1)
    occurs = total > 0
    result: NDArray[np.float64] = np.diagonal(counts)[occurs] / total[occurs]
    return result


def uar(pairs: Sequence[tuple[str, str | None]], labels: Sequence[str]) -> float:
    """Unweighted average recall: the mean of the classes' recalls."""
    return float(recalls(confusion(pairs, labels)).mean())


def accuracy(pairs: Sequence[tuple[str, str | None]]) -> float:
    """Share of clips that are right."""
    return float(np.mean([true == said for true, said in pairs]))


def present(heard: Sequence[Heard]) -> tuple[str, ...]:
    """Emotions of at least one clip in a hundred, in the usual order: a stray clip is no class."""
    counts = Counter(row.clip.emotion for row in heard)
    return tuple(name for name in EMOTIONS if counts[name] * 100 >= max(len(heard), 1))


def speaker_interval(
    heard: Sequence[Heard], seed: int = 0, draws: int = 1_000
) -> tuple[float, float]:
    """95 % interval of the emotion UAR when speakers are drawn anew (bootstrap by speaker)."""
    among = present(heard)
    by_speaker: dict[str, list[Heard]] = {}
    for row in heard:
        by_speaker.setdefault(row.clip.speaker, []).append(row)
    counts = np.stack(
        [confusion(emotion_pairs(rows, among), among) for rows in by_speaker.values()]
    )
    rng = np.random.default_rng(seed)
    figures = [
        float(recalls(counts[rng.integers(0, len(counts), len(counts))].sum(axis=0)).mean())
        for _ in range(draws)
    ]
    low, high = np.quantile(figures, (0.025, 0.975))
    return float(low), float(high)
