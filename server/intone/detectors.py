"""The voice detector that settings name, tried out before anybody speaks."""

from __future__ import annotations

from typing import cast

import numpy as np

from intone import plugins
from intone.core.framing import FRAME_SAMPLES
from intone.core.front_end import DetectorFactory
from intone.errors import SettingsError
from intone.settings import EndpointerSettings

_FRAMES = 3


def load_detector(settings: EndpointerSettings) -> DetectorFactory:
    """Return what makes the detectors of ``settings.vad``.

    Raises :class:`SettingsError` where there is none, or one that does not start or does not say
    of each frame whether it is speech.
    """
    make = cast("DetectorFactory", plugins.load(plugins.VOICE_DETECTORS, settings.vad))
    try:
        said = len(make(settings).detect(np.zeros((_FRAMES, FRAME_SAMPLES), np.int16)))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise SettingsError(f"the voice detector {settings.vad} does not start: {why}") from error
    if said != _FRAMES:
        raise SettingsError(
            f"the voice detector {settings.vad} says something of {said} frames where it is "
            f"asked about {_FRAMES}"
        )
    return make
