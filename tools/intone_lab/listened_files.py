"""Answers on disk: one file of arrays a model, condition and set of clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from intone.types import FloatArray
from intone_lab.corpora import Clip
from intone_lab.evaluation import Heard, Listened, Trail


def save(path: Path, listened: Listened) -> None:
    """Write ``listened``, whole or not at all."""
    rows = listened.rows
    trails = [row.trail for row in rows if row.trail is not None]
    emotions, genders = len(listened.emotions), len(listened.genders)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        emotions=listened.emotions,
        genders=listened.genders,
        unreadable=np.array(listened.unreadable, dtype=np.str_),
        keys=np.array([row.clip.key for row in rows], dtype=np.str_),
        counts=[(row.utterances, row.discarded, row.duration_ms) for row in rows],
        emotion=_stacked([row.emotion for row in rows], emotions),
        gender=_stacked([row.gender for row in rows], genders),
        trail_lengths=[len(row.trail.ends_ms) if row.trail else 0 for row in rows],
        trail_ends_ms=np.concatenate([np.zeros(0, np.int32), *(t.ends_ms for t in trails)]),
        trail_emotion=np.concatenate(
            [np.zeros((0, emotions), np.float32), *(t.emotion for t in trails)]
        ),
    )
    partial.replace(path)


def load(path: Path, clips: Sequence[Clip]) -> Listened:
    """Read what :func:`save` wrote of ``clips``."""
    by_key = {clip.key: clip for clip in clips}
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    ends = np.cumsum(arrays["trail_lengths"], dtype=np.int64)
    rows = []
    for index, key in enumerate(arrays["keys"]):
        utterances, discarded, duration_ms = (int(n) for n in arrays["counts"][index])
        emotion, gender = arrays["emotion"][index], arrays["gender"][index]
        span = slice(ends[index] - arrays["trail_lengths"][index], ends[index])
        trail = Trail(arrays["trail_ends_ms"][span], arrays["trail_emotion"][span])
        rows.append(
            Heard(
                by_key[str(key)],
                utterances,
                emotion if utterances else None,
                gender if utterances else None,
                duration_ms,
                discarded,
                trail if len(trail.ends_ms) else None,
            )
        )
    return Listened(
        tuple(map(str, arrays["emotions"])),
        tuple(map(str, arrays["genders"])),
        tuple(rows),
        tuple(map(str, arrays["unreadable"])),
    )


def _stacked(rows: Sequence[FloatArray | None], width: int) -> FloatArray:
    """Return (rows, width); NaN where nothing was heard."""
    nothing = np.full(width, np.nan, np.float32)
    stacked = [nothing if row is None else row for row in rows]
    return np.stack(stacked) if stacked else np.zeros((0, width), np.float32)
