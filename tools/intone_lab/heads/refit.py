"""A trained network's heads fitted anew, in place of those that it was trained with.

In training they follow a network that moves, by batches and under dropout, and know of each clip
what one crop of it shows. Fitted to what the trained network pools they are of least loss over
all clips at once, with costs on what they must not hear (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import keras
import numpy as np

from intone.types import FloatArray
from intone_lab.architectures import Architecture
from intone_lab.augment import AugmentSettings
from intone_lab.batches import BatchSettings
from intone_lab.copies import COPIES
from intone_lab.corpora import Clip
from intone_lab.dataset import Example
from intone_lab.folds import ALWAYS_TRAIN
from intone_lab.heads.pooled import Pooled, Pooler
from intone_lab.heads.rows import HeadFit, Kind, Row, fit_heads, kind_of
from intone_lab.targets import tells_gender

_COPIES = {copy.name: copy for copy in COPIES}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What is made of a clip as it is, besides its copies: in the mel domain, where it is cheap."""

    name: str
    kind: Kind
    settings: AugmentSettings


_STILL = AugmentSettings(
    gain_db=0.0, tilt_db=0.0, noise_probability=0.0, warp=0.0, time_masks=0, band_masks=0
)
_NOISY = replace(_STILL, noise_probability=1.0)
_DRAWN = (
    _Drawn("noise", Kind.IN_SURROUNDINGS, replace(_NOISY, snr_db=(0.0, 30.0), babble_share=0.0)),
    _Drawn("crowd", Kind.IN_SURROUNDINGS, replace(_NOISY, snr_db=(0.0, 25.0), babble_share=1.0)),
    _Drawn("moved", Kind.OTHERWISE, replace(_STILL, gain_db=8.0, tilt_db=4.0, warp=0.1)),
)


@dataclass(frozen=True, slots=True)
class RefitSettings:
    """How heads are fitted to what a trained network pools."""

    fit: HeadFit = field(default_factory=lambda: HeadFit(size_penalty=0.03))
    copies: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(("telephone", "room", "noise", "crowd"), 0.5)
    )
    """How much a copy, or what is drawn, counts, where not as much as the clip as it is."""
    beginning: float = 0.25
    """How much the first half of each counts beside the whole: interims are said of beginnings."""


def refit(
    model: keras.Model,
    examples: Sequence[Example],
    architecture: Architecture,
    settings: RefitSettings,
    batches: BatchSettings,
    seed: int,
) -> None:
    """Give ``model``, trained on ``examples``, the heads of least loss on what it pools of them.

    ``batches`` say of whom gender is asked.
    """
    usable = [e for e in examples if e.longest is not None and e.clip.emotion is not None]
    # As of what a large network hears: of TESS, of which little is made, the clips as they are.
    usable = [e for e in usable if e.is_plain or e.clip.corpus not in ALWAYS_TRAIN]
    heard = _hear(Pooler(model, architecture), usable, np.random.default_rng(seed))
    rows = [row for one in heard for row in _rows(one, settings, batches)]
    heads = fit_heads(rows, architecture.emotions, settings.fit)
    for name, head in (("emotion_logits", heads.emotion), ("gender", heads.gender)):
        model.get_layer(name).set_weights([head[:-1], head[-1]])


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """What the network pools of a copy of a clip, or of what was drawn of it."""

    clip: Clip
    name: str
    kind: Kind
    raised: float
    """By what share its formants lie higher."""
    pooled: Pooled


def _hear(
    pooler: Pooler, examples: Sequence[Example], rng: np.random.Generator
) -> Iterator[_Heard]:
    for example, pooled in zip(examples, pooler.of(_utterances(examples)), strict=True):
        copy = _COPIES[example.copy]
        yield _Heard(example.clip, copy.name, kind_of(copy), copy.speed - 1.0, pooled)
    plain = [e for e in examples if e.is_plain and e.clip.corpus not in ALWAYS_TRAIN]
    for drawn in _DRAWN:
        every = pooler.of(_utterances(plain), drawn.settings, rng)
        for example, pooled in zip(plain, every, strict=True):
            yield _Heard(example.clip, drawn.name, drawn.kind, -pooled.warp, pooled)


def _utterances(examples: Sequence[Example]) -> list[FloatArray]:
    return [e.longest for e in examples if e.longest is not None]


def _rows(one: _Heard, settings: RefitSettings, batches: BatchSettings) -> Iterator[Row]:
    weight = settings.copies.get(one.name, 1.0)
    tells = tells_gender(one.clip, one.raised, batches.gender_from, batches.gender_shift)
    yield Row(one.clip, one.kind, one.pooled.end, weight, tells)
    if one.pooled.middle is not None:
        weight *= settings.beginning
        yield Row(one.clip, Kind.OTHERWISE, one.pooled.middle, weight, tells)
