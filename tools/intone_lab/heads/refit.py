"""A trained network's heads fitted anew, in place of those that it was trained with.

In training they follow a network that moves, by batches and under dropout, and know of each clip
what one crop of it shows. Fitted to what the trained network pools they are of least loss over
all clips at once, with costs on what they must not hear (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from intone.types import FloatArray
from intone_lab.architectures import ARCHITECTURES
from intone_lab.batches import BatchSettings
from intone_lab.copies import COPIES, Copy, has_copies
from intone_lab.corpora import Clip
from intone_lab.dataset import Example
from intone_lab.heads.pooled import Pooled, Pooler
from intone_lab.heads.rows import Kind, Row, fit_heads, kind_of
from intone_lab.heads.settings import RefitSettings
from intone_lab.targets import tells_gender
from intone_lab.training import TrainSettings


def refit(
    model: keras.Model,
    examples: Sequence[Example],
    settings: TrainSettings,
    how: RefitSettings,
) -> None:
    """Give ``model`` the heads of least loss on what it pools of ``examples``.

    Those are what it was trained on, by ``settings``, which say of whom gender is asked and what
    gain, tilt and stretched mel axes are, and the copies that ``how`` wants besides.
    """
    architecture = ARCHITECTURES[settings.architecture]
    usable = [e for e in examples if e.longest is not None and e.clip.emotion is not None]
    copies = {copy.name: copy for copy in (*COPIES, *how.besides)}
    heard = _hear(Pooler(model, architecture), usable, copies, settings)
    rows = [row for one in heard for row in _rows(one, how, settings.batches)]
    heads = fit_heads(rows, architecture.emotions, how.fit)
    for name, head in (("emotion_logits", heads.emotion), ("gender", heads.gender)):
        model.get_layer(name).set_weights([head[:-1], head[-1]])


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """What the network pools of a copy of a clip, or of one moved in the mel domain."""

    clip: Clip
    name: str
    kind: Kind
    raised: float
    """By what share its formants lie higher."""
    pooled: Pooled


def _hear(
    pooler: Pooler,
    examples: Sequence[Example],
    copies: Mapping[str, Copy],
    settings: TrainSettings,
) -> Iterator[_Heard]:
    worth = [e for e in examples if e.is_plain or has_copies(e.clip)]
    for example, pooled in zip(worth, pooler.of(_utterances(worth)), strict=True):
        copy = copies[example.copy]
        yield _Heard(example.clip, copy.name, kind_of(copy), copy.speed - 1.0, pooled)
    plain = [e for e in worth if e.is_plain and has_copies(e.clip)]
    moved = replace(settings.augmentation, noise_probability=0.0, time_masks=0, band_masks=0)
    rng = np.random.default_rng(settings.seed)
    for example, pooled in zip(plain, pooler.of(_utterances(plain), moved, rng), strict=True):
        yield _Heard(example.clip, "moved", Kind.OTHERWISE, -pooled.warp, pooled)


def _utterances(examples: Sequence[Example]) -> list[FloatArray]:
    return [e.longest for e in examples if e.longest is not None]


def _rows(one: _Heard, how: RefitSettings, batches: BatchSettings) -> Iterator[Row]:
    weight = how.copies.get(one.name, 1.0)
    tells = tells_gender(one.clip, one.raised, batches.gender_from, batches.gender_shift)
    yield Row(one.clip, one.kind, one.pooled.end, weight, tells)
    if one.pooled.middle is not None:
        weight *= how.beginning
        yield Row(one.clip, Kind.OTHERWISE, one.pooled.middle, weight, tells)
