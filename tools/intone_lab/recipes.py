"""What each network is trained with by default, where that is not what the default model is."""

from __future__ import annotations

from dataclasses import replace

from intone_lab.architectures import ARCHITECTURES
from intone_lab.training import TrainSettings

_EPOCHS = {"lstm": 30, "bilstm": 40, "cnn": 40, "cnn-bigru": 40}


def recipe(architecture: str, seed: int) -> TrainSettings:
    """Return the settings that ``intone-lab train`` takes for an architecture.

    Raises :class:`KeyError` for one that is not known.
    """
    settings = TrainSettings(architecture, seed)
    settings = replace(settings, epochs=_EPOCHS.get(architecture, settings.epochs))
    if ARCHITECTURES[architecture].is_streaming:
        return settings
    # It answers at the end only: fewer beginnings. With the copies of the default model cnn-bigru
    # had learnt too little by its last epoch (docs/models.md).
    return replace(
        settings,
        average_momentum=0.99,
        batches=replace(settings.batches, crop_probability=0.25),
        augmentation=replace(settings.augmentation, gain_db=6.0, tilt_db=3.0),
    )
