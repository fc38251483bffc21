"""The card beside a model: what it hears, what it says, where it came from, how good it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from intone.core.blocks import BlockShape
from intone.core.decision import Calibration
from intone.core.features import FeatureSettings, LogMelSettings, MfccSettings, SampleSettings
from intone.core.framing import FRAME_SAMPLES
from intone.errors import IntoneError, ModelError, SettingsError
from intone.settings import FRAME_MS, EndpointerSettings
from intone.types import UNSURE, to_ms

_FEATURES: dict[str, type[FeatureSettings]] = {
    "mfcc": MfccSettings,
    "log-mel": LogMelSettings,
    "samples": SampleSettings,
}
"""By the ``kind`` that a card names; one that names none means MFCCs."""


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


class Card(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """``card.json``. Field names are the file's."""

    name: str
    kind: str
    """Entry point of ``intone.recognisers`` that runs it: ``streaming`` and ``utterance`` are
    built in."""
    description: str
    file: str
    sha256: str
    """Of ``file``, in lower-case hex."""
    features: FeatureSettings
    block_frames: int
    """Feature frames in one step: the unit in which an utterance's audio is gathered."""
    state_size: int = 0
    """Length of the float32 state vector a step takes and gives back; zeros at the start.
    None (0) in a model that answers at the end: it keeps the whole utterance."""
    longest_frames: int | None = None
    """Frames of the longest utterance that a model which answers once, at the end, may be
    given: longer speech is split. None in a model that answers after every block."""
    interims: str | None = None
    """The model whose answers are told while an utterance runs, of one that answers at the end:
    by name, of the same labels and blocks. It lies beside this one or among those served."""
    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    emotion_calibration: Calibration
    gender_calibration: Calibration
    training: tuple[TrainingCorpus, ...]
    licence: str
    intended_use: str
    accuracy: tuple[Accuracy, ...] = ()

    @property
    def answers_at_end(self) -> bool:
        """Whether it needs the whole utterance: any interims are another model's then."""
        return self.longest_frames is not None

    @property
    def shape(self) -> BlockShape:
        """Samples one step takes."""
        return BlockShape(
            advance=self.block_frames * self.features.hop_samples,
            window=self.features.window_samples(self.block_frames),
        )


def endpointer_for(card: Card, settings: EndpointerSettings) -> EndpointerSettings:
    """Return ``settings`` under which no utterance is longer than the model may be given.

    Raises :class:`SettingsError` where they leave no room for one.
    """
    if card.longest_frames is None:
        return settings
    longest_ms = _longest_ms(card, card.longest_frames)
    if longest_ms >= settings.max_utterance_ms:
        return settings
    try:
        return replace(settings, max_utterance_ms=longest_ms)
    except SettingsError as error:
        raise SettingsError(
            f"the model {card.name} hears {longest_ms} ms at most at once: {error}"
        ) from error


def _longest_ms(card: Card, longest_frames: int) -> int:
    """Return how long an utterance may be: at least as long as it takes for all its blocks."""
    blocks = longest_frames // card.block_frames
    # Its last block reaches beyond itself.
    needed = card.shape.needed_for(blocks * card.shape.advance)
    whole_ms = -(-needed // FRAME_SAMPLES) * FRAME_MS
    return max(to_ms(longest_frames * card.features.hop_samples), whole_ms)


def parse_card(data: bytes, where: str) -> Card:
    """Read a card; raise :class:`ModelError` that names ``where`` and what is wrong."""
    try:
        card = msgspec.json.decode(data, type=Card, dec_hook=_decode_features)
    except (msgspec.MsgspecError, UnicodeDecodeError, IntoneError) as error:
        raise ModelError(f"{where}: {error}") from error
    _check_sizes(card, where)
    for labels in (card.emotions, card.genders):
        if len(labels) < 2 or len(set(labels)) < len(labels) or UNSURE in labels:
            raise ModelError(
                f"{where}: emotions and genders need two or more distinct labels each, "
                f"and {UNSURE!r} is none"
            )
    return card


def _check_sizes(card: Card, where: str) -> None:
    if card.block_frames < 1:
        raise ModelError(f"{where}: block_frames must be at least 1")
    if card.longest_frames is None:
        if card.state_size < 1:
            raise ModelError(f"{where}: state_size must be at least 1, or longest_frames be given")
        if card.interims is not None:
            raise ModelError(f"{where}: interims of another model go with longest_frames")
    elif card.state_size or card.longest_frames < card.block_frames:
        raise ModelError(
            f"{where}: longest_frames must hold a block, and takes the place of a state_size"
        )


def _decode_features(_: type, value: Any) -> FeatureSettings:
    """What msgspec asks for a :class:`FeatureSettings`: it has no unions of dataclasses."""
    kind = value.get("kind", "mfcc") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _FEATURES:
        known = ", ".join(_FEATURES)
        raise msgspec.ValidationError(f"features must be an object of kind {known}, not {kind!r}")
    return msgspec.convert(value, _FEATURES[kind])


def write_card(card: Card) -> bytes:
    """Return the card as indented JSON, ending in a newline."""
    fields: Any = msgspec.to_builtins(card)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"
