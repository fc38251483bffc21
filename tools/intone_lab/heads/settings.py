"""How heads are fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from intone_lab.copies import CROWD, NOISE, Copy


@dataclass(frozen=True, slots=True)
class HeadFit:
    """How heads are fitted (docs/models.md)."""

    size_penalty: float = 0.01
    change_penalty: float = 0.05
    corpus_penalty: float = 0.05
    """What a head costs by its size, by hearing what surroundings change of a clip and, that of
    gender, by hearing which corpus it is: see :func:`intone_lab.heads.regression.fit`."""
    share: Mapping[str, float] = field(
        default_factory=lambda: {"tess": 0.15, "crema_d": 0.5, "emodb": 2.0}
    )
    """How much each row of a corpus counts for emotion, where not once.

    The shares of training from scratch (:class:`intone_lab.batches.BatchSettings`), of rows: a clip
    has one for each copy, one of TESS has one alone. That each clip counted once all in all, or
    that rows counted so for gender, too, changed nothing that could be told (docs/experiments.md).
    """
    absent: Mapping[str, float] = field(
        default_factory=lambda: {"emodb": -3.0, "savee": -3.0, "tess": -3.0}
    )
    """Added to the logits of emotions that a corpus lacks, for each corpus named; the others'
    are masked out (:data:`intone_lab.targets.ABSENT`).

    Masked out, *calm* and *surprised* would be said of clips of corpora that have neither: nothing
    would have told the heads that they are not. CREMA-D is left out of this: the copy that the
    settings were chosen with has two of its six emotions, and the heads would learn that who
    sounds like its microphones is happy or sad.
    """


@dataclass(frozen=True, slots=True)
class RefitSettings:
    """How heads are fitted to what a trained network pools."""

    fit: HeadFit = field(default_factory=lambda: HeadFit(size_penalty=0.03))
    besides: tuple[Copy, ...] = (NOISE, CROWD)
    """Copies that are heard for this, besides those that the network was trained on."""
    copies: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(("telephone", "room", NOISE.name, CROWD.name), 0.5)
    )
    """How much a copy counts, where not as much as the clip as it is."""
    beginning: float = 0.25
    """How much the first half of each counts beside the whole: interims are said of beginnings."""
