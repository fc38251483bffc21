"""A trained model to TFLite, and the folder that the server loads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from intone.core.card import Card, TrainingCorpus, write_card
from intone.core.decision import Calibration
from intone.models import CARD_FILE
from intone_lab.architectures import BLOCK_FRAMES, Served
from intone_lab.catalogue import GENDERS, OWN_LICENCE, corpus_named
from intone_lab.corpora import Clip
from intone_lab.whole_files import write_whole

MODEL_FILE = "model.tflite"

INTENDED_USE = (
    "Estimates of acted emotion and of gender from short utterances of speech. Not a "
    "measurement of what a person feels. Not to be used to judge employees or pupils, "
    "nor on people who were not told."
)


def make_card(
    content: bytes,
    clips: Sequence[Clip] = (),
    *,
    architecture: Served,
    name: str | None = None,
    emotions: Sequence[str] | None = None,
) -> Card:
    """Return the card of ``content``, trained on ``clips``: nothing of it is measured yet.

    ``name`` and ``emotions`` are the architecture's own unless told; the emotions are those
    that the model was built for, in the order of its outputs.
    """
    return Card(
        name=name or architecture.name,
        kind=architecture.kind,
        description=architecture.description,
        file=MODEL_FILE,
        sha256=hashlib.sha256(content).hexdigest(),
        features=architecture.features,
        block_frames=BLOCK_FRAMES,
        state_size=architecture.state_size,
        longest_frames=None if architecture.is_streaming else architecture.longest_frames,
        interims=architecture.interims,
        emotions=tuple(emotions or architecture.emotions),
        genders=GENDERS,
        emotion_calibration=Calibration(),
        gender_calibration=Calibration(),
        training=_training(clips),
        licence="; ".join((_licence(clips), *map(_with_weights, architecture.others_weights))),
        intended_use=INTENDED_USE,
    )


def write_model(folder: Path, content: bytes, card: Card) -> None:
    """Write what the server loads."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / card.file, content)
    write_whole(folder / CARD_FILE, write_card(card))


def _with_weights(of_others: str) -> str:
    return f"with weights of {of_others}"


def _training(clips: Sequence[Clip]) -> tuple[TrainingCorpus, ...]:
    return tuple(
        TrainingCorpus(
            corpus=corpus_named(name).title,
            licence=corpus_named(name).licence,
            speakers=len({clip.speaker for clip in clips if clip.corpus == name}),
            clips=sum(clip.corpus == name for clip in clips),
        )
        for name in sorted({clip.corpus for clip in clips})
    )


def _licence(clips: Sequence[Clip]) -> str:
    if not clips:
        return "not trained on any corpus"
    rows = _training(clips)
    terms = "; ".join(f"{row.corpus}: {row.licence}" for row in rows)
    if all(row.licence == OWN_LICENCE for row in rows):
        return terms
    return f"for non-commercial use, as the corpora's terms ask ({terms})"
