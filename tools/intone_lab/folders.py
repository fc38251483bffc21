"""What a clip's folder says of it, where corpora are published in folders that say something."""

from __future__ import annotations

import re

from intone_lab.catalogue import EMOTIONS
from intone_lab.corpora import Clip

_NAMES = {
    **{emotion: emotion for emotion in EMOTIONS},
    "anger": "angry",
    "boredom": None,
    "fear": "fearful",
    "happiness": "happy",
    "joy": "happy",
    "pleasant_surprise": "surprised",
    "pleasant_surprised": "surprised",
    "ps": "surprised",
    "sadness": "sad",
    "surprise": "surprised",
}
"""Emotions as folders are named: TESS's own (``OAF_Pleasant_surprise``), and the usual nouns."""

_ACTOR = re.compile(r"actor_?(\d\d)", re.IGNORECASE)
_TESS = re.compile(r"(OAF|YAF)_(\w+)", re.IGNORECASE)
_SAVEE = re.compile(r"DC|JE|JK|KL")


def contradiction(clip: Clip) -> str | None:
    """Say how a published clip's name contradicts the folder it lies in; None where it does not.

    Only the folder that holds the file is asked, and only if its name says something.
    """
    folder = clip.path.parent.name
    speaker, emotion = _said_by(clip.corpus, folder)
    own_speaker = clip.speaker.partition("/")[2]
    if speaker is not None and speaker != own_speaker:
        return f"its name says speaker {own_speaker}, its folder {folder} says {speaker}"
    if emotion is not None and emotion != clip.emotion:
        return f"its name says {clip.emotion}, its folder {folder} says {emotion}"
    return None


def _said_by(corpus: str, folder: str) -> tuple[str | None, str | None]:
    """Return the speaker and the emotion that a folder's name says, None for what it does not."""
    if corpus == "ravdess" and (found := _ACTOR.fullmatch(folder)):
        return found[1], None
    if corpus == "savee" and _SAVEE.fullmatch(folder):
        return folder, None
    if corpus == "tess" and (found := _TESS.fullmatch(folder)):
        return found[1].upper(), _NAMES.get(found[2].lower())
    return None, _NAMES.get(folder.lower())
