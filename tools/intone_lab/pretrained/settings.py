"""What the pretrained model is, and what decides a run of its heads besides the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from intone.core.features import MfccSettings, SampleSettings
from intone_lab.architectures import Served
from intone_lab.copies import COPIES, CROWD, NOISE, Copy
from intone_lab.flat import flat_row
from intone_lab.heads.settings import HeadFit

PRETRAINED = Served(
    name="pretrained",
    kind="utterance",
    description=(
        "The first three blocks of Whisper's smallest encoder, as smart-turn tuned it, and the "
        "speaker LSTM of Resemblyzer, both as they are; linear heads on the mean and deviation "
        "of their frames; int8 weights, float32 activations."
    ),
    # As long as those that `gru` steps on, whose answers are told meanwhile.
    features=SampleSettings(beyond_samples=MfccSettings().beyond_samples),
    interims="gru",
    # What smart-turn tuned it on: it knows no position beyond.
    longest_frames=800,
    others_weights=(
        "Whisper (MIT License)",
        "smart-turn (BSD 2-Clause License)",
        "Resemblyzer (Apache License 2.0)",
    ),
)

STATISTICS = 4 * (384 + 256)
"""Mean and deviation of Whisper's frames after two blocks, and of the LSTM's after two layers."""

HEARD = (
    *COPIES,
    NOISE,
    Copy("loud noise", noise_snr_db=(0.0, 15.0)),
    CROWD,
    Copy("loud crowd", crowd_snr_db=(0.0, 12.0)),
    Copy("another voice", other_voice=True),
    Copy("a third voice", other_voice=True),
)
"""The copies of a clip that the heads are trained on."""


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How the heads are fitted (docs/models.md)."""

    architecture: str = PRETRAINED.name
    seed: int = 1
    """Decides the splits, and so who talks in each crowd; the fit has no chance in it."""
    corpora: tuple[str, ...] = ("ravdess", "crema_d", "emodb", "savee", "tess")
    """What is trained on; other corpora in the folder are listened to at the end, as strangers."""
    fit: HeadFit = field(default_factory=HeadFit)
    copies: Mapping[str, float] = field(
        default_factory=lambda: {
            copy.name: 0.5 for copy in HEARD if copy.has_surroundings or copy.other_voice
        }
    )
    """How much a copy counts, where not as much as the clip as it is."""
    gender_from: tuple[str, ...] = ("ravdess", "emodb", "crema_d")
    """Corpora with both sexes: on the others gender could be learnt from the channel."""

    def as_row(self) -> dict[str, Any]:
        """Flat settings, for the log of runs."""
        return flat_row(self)
