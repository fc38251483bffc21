"""A trained model to the streaming step on TFLite, and the folder that the server loads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import keras

from intone.core.card import Accuracy, Card, TrainingCorpus, write_card
from intone.core.decision import Calibration
from intone.models import CARD_FILE
from intone_lab.architectures import gru
from intone_lab.catalogue import EMOTIONS, GENDERS, OWN_LICENCE, corpus_named
from intone_lab.corpora import Clip
from intone_lab.dataset import BLOCK_FRAMES, FEATURES

MODEL_FILE = "model.tflite"

INTENDED_USE = (
    "Estimates of acted emotion and of gender from short utterances of speech. Not a "
    "measurement of what a person feels. Not to be used to judge employees or pupils, "
    "nor on people who were not told."
)


def to_tflite(model: keras.Model, *, quantised: bool) -> bytes:
    """Convert ``model`` to its step function: int8 weights, or float32 throughout."""
    import tensorflow as tf

    from intone_lab.architectures.gru_step import GruStep

    step = tf.function(
        GruStep(model, BLOCK_FRAMES),
        input_signature=[
            tf.TensorSpec((None, BLOCK_FRAMES, FEATURES.coefficients), tf.float32, "features"),
            tf.TensorSpec((None, state_size()), tf.float32, "state"),
        ],
    )
    module = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [step.get_concrete_function()], module
    )
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # tflite-runtime 2.14 cannot read the per-channel form (FULLY_CONNECTED version 12).
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    content: bytes = converter.convert()
    return content


def state_size() -> int:
    """Length of the state vector."""
    return sum(gru.state_layout(FEATURES.coefficients).values())


def make_card(
    content: bytes,
    clips: Sequence[Clip] = (),
    *,
    name: str = "gru",
    emotion_calibration: Calibration | None = None,
    gender_calibration: Calibration | None = None,
    accuracy: Sequence[Accuracy] = (),
) -> Card:
    """Return the card of ``content``, trained on ``clips``."""
    return Card(
        name=name,
        kind="streaming",
        description=(
            "Two causal convolutions, two GRU layers of 128 units with a residual, "
            "running attention and mean pooling; int8 weights, float32 activations."
        ),
        file=MODEL_FILE,
        sha256=hashlib.sha256(content).hexdigest(),
        features=FEATURES,
        block_frames=BLOCK_FRAMES,
        state_size=state_size(),
        emotions=EMOTIONS,
        genders=GENDERS,
        emotion_calibration=emotion_calibration or Calibration(),
        gender_calibration=gender_calibration or Calibration(),
        training=_training(clips),
        licence=_licence(clips),
        intended_use=INTENDED_USE,
        accuracy=tuple(accuracy),
    )


def write_model(folder: Path, content: bytes, card: Card) -> None:
    """Write what the server loads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / card.file).write_bytes(content)
    (folder / CARD_FILE).write_bytes(write_card(card))


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
