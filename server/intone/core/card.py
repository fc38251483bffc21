"""The card beside a model: what it hears, what it says, where it came from, how good it is."""

from __future__ import annotations

from typing import Any

import msgspec

from intone.core.blocks import BlockShape
from intone.core.decision import Calibration
from intone.core.features import MfccSettings
from intone.errors import IntoneError, ModelError
from intone.types import UNSURE


class TrainingCorpus(msgspec.Struct, frozen=True, kw_only=True):
    """A corpus the weights come from."""

    corpus: str
    licence: str
    speakers: int
    clips: int


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure, with what it was measured on and how."""

    corpus: str
    protocol: str
    """Who was in training and who was not, for instance ``5 folds by speaker``."""
    task: str
    """``emotion`` or ``gender``."""
    metric: str
    """``uar`` (mean recall of the classes), ``accuracy`` or ``ece``."""
    value: float
    clips: int


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``card.json``. Field names are the file's."""

    name: str
    kind: str
    """Entry point of ``intone.recognisers`` that runs it: ``streaming`` for the built-in one."""
    description: str
    file: str
    sha256: str
    """Of ``file``, in lower-case hex."""
    features: MfccSettings
    block_frames: int
    """Feature frames in one step."""
    state_size: int
    """Length of the float32 state vector a step takes and gives back; zeros at the start."""
    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    emotion_calibration: Calibration
    gender_calibration: Calibration
    training: tuple[TrainingCorpus, ...]
    licence: str
    intended_use: str
    accuracy: tuple[Accuracy, ...] = ()

    @property
    def shape(self) -> BlockShape:
        """Samples one step takes."""
        return BlockShape(
            advance=self.block_frames * self.features.hop_samples,
            window=self.features.window_samples(self.block_frames),
        )


def parse_card(data: bytes, where: str) -> Card:
    """Read a card; raise :class:`ModelError` that names ``where`` and what is wrong."""
    try:
        card = msgspec.json.decode(data, type=Card)
    except (msgspec.MsgspecError, UnicodeDecodeError, IntoneError) as error:
        raise ModelError(f"{where}: {error}") from error
    if card.block_frames < 1 or card.state_size < 1:
        raise ModelError(f"{where}: block_frames and state_size must be at least 1")
    for labels in (card.emotions, card.genders):
        if len(labels) < 2 or len(set(labels)) < len(labels) or UNSURE in labels:
            raise ModelError(
                f"{where}: emotions and genders need two or more distinct labels each, "
                f"and {UNSURE!r} is none"
            )
    return card


def write_card(card: Card) -> bytes:
    """Return the card as indented JSON, ending in a newline."""
    fields: Any = msgspec.to_builtins(card)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"
