"""What a protocol is: data that says how a published project trained, split and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings
from intone_lab.catalogue import CORPORA, EMOTIONS
from intone_lab.copies import TAUGHT
from intone_lab.folds import ALWAYS_TRAIN

TAUGHT_COPIES: Mapping[float, str] = MappingProxyType({copy.speed: copy.name for copy in TAUGHT})
"""What the teacher hears, by speed, but of corpora of a voice or two: those as they are."""


class SplitKind(str, Enum):
    """Who stands on which side; the value is what reports say."""

    RANDOM = "random"
    """As published: the same voices on both sides."""
    BY_SPEAKER = "by speaker"
    """Nobody is trained on and tested."""
    LEAKY = "random, copies on both sides"
    """A copy of a test clip may be trained on, and copies are tested: shows what that is worth."""


class FrameFeatures(str, Enum):
    """What is computed of each frame."""

    MFCC = "MFCC"
    MFCC_AND_DESCRIPTORS = (
        "MFCC, RMS, zero-crossing rate, band energy ratio, spectral centroid and bandwidth"
    )


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of the project."""

    known: str
    accuracy: float | None = None
    """On its own random split, in [0, 1]; None where no figure is known."""


@dataclass(frozen=True, slots=True)
class Literature:
    """A figure that others measured in a like way."""

    kind: SplitKind
    value: float
    metric: str
    source: str
    """Who, where, and how it differs from ours."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How every network of a protocol is trained."""

    epochs: int
    batch_clips: int = 64
    learning_rate: float = 1e-3
    """Highest rate of Adam; it rises over a tenth of the run and falls as a cosine."""
    weight_decay: float = 0.0
    """Decoupled (AdamW); 0 is plain Adam."""
    dropout: float = 0.2
    label_smoothing: float = 0.0
    gender_weight: float = 0.0
    """Of the gender loss beside the emotion loss; 0 where the protocol has no gender."""
    average_momentum: float | None = None
    """Exponential average of the weights over steps, kept at the end; None keeps the last."""
    speeds: tuple[float, ...] = (1.0,)
    """Copies of training clips; an epoch hears each clip at one of them."""
    augmentation: AugmentSettings | None = None
    """Of training clips, drawn anew every epoch."""
    teacher_weight: float = 0.0
    """Of what the lab's teacher makes of a training clip, asked for besides its labels
    (``docs/lab.md``); 0 trains on the labels alone."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """One published project."""

    name: str
    title: str
    published: Published
    corpora: tuple[str, ...]
    emotions: tuple[str, ...]
    architectures: tuple[str, ...]
    recipe: Recipe
    features: FrameFeatures = FrameFeatures.MFCC
    splits: tuple[SplitKind, ...] = (SplitKind.RANDOM, SplitKind.BY_SPEAKER)
    literature: tuple[Literature, ...] = ()
    test_share: float = 0.2
    notes: str = ""
    """What ours does that was not said, and what the figures do not mean."""
    tasks: tuple[str, ...] = field(init=False)
    """``emotion``, and ``gender`` where it is trained."""

    def __post_init__(self) -> None:
        _known("corpus", self.corpora, CORPORA)
        _known("emotion", self.emotions, EMOTIONS)
        _known("architecture", self.architectures, ARCHITECTURES)
        if self.features is not FrameFeatures.MFCC and self.recipe.augmentation is not None:
            raise ValueError("augmentation is made of MFCCs alone: descriptors would not follow")
        if SplitKind.LEAKY in self.splits and len(self.recipe.speeds) < 2:
            raise ValueError("there are no copies to stand on both sides")
        known = {1.0} if ALWAYS_TRAIN.intersection(self.corpora) else TAUGHT_COPIES.keys()
        unheard = set(self.recipe.speeds) - known
        if self.recipe.teacher_weight and unheard:
            raise ValueError(f"the teacher does not hear clips at speeds of {sorted(unheard)}")
        has_gender = self.recipe.gender_weight > 0
        # A frozen dataclass's own way to set what follows from the rest.
        object.__setattr__(self, "tasks", ("emotion", "gender") if has_gender else ("emotion",))

    def settings(self, seed: int) -> dict[str, Any]:
        """Return everything that decides the figures besides the clips, for JSON."""
        return {
            "protocol": self.name,
            "corpora": self.corpora,
            "emotions": self.emotions,
            "features": self.features.value,
            "test_share": self.test_share,
            "recipe": asdict(self.recipe),
            "seed": seed,
        }


def _known(what: str, names: tuple[str, ...], known: Any) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"no {what} {', '.join(unknown) or 'given'}")
