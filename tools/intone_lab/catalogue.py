"""What is known of each corpus: its labels, its people, its terms, and how its files are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
"""The eight names used everywhere; the order is that of RAVDESS's own numbers."""

GENDERS = ("female", "male")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file's published name says."""

    name: str
    """The published name without its ending, the same in every layout of the folders."""
    speaker: str
    gender: str | None
    """None where the corpus keeps it in a table instead of the name."""
    emotion: str | None
    """None for what is not one of the eight (boredom in EmoDB)."""
    sentence: str


class CorpusError(Exception):
    """A root, corpus, table or clip that cannot be read; names it and says why."""


class NotSpeech(Exception):
    """A file that belongs to a corpus but is none of its speech clips; says what it is."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One corpus as published."""

    name: str
    title: str
    emotions: tuple[str, ...]
    """Those of the eight that the complete corpus holds; a copy may hold fewer."""
    genders: tuple[str, ...]
    """A head trained on one gender alone learns the corpus instead: mask it there."""
    language: str
    licence: str
    citation: str
    read_name: Callable[[Path], Labels | None]
    """None: not a name of this corpus. Raises :class:`NotSpeech`."""


_RAVDESS = re.compile(r"(\d\d)-(\d\d)-(0[1-8])-(0[12])-(0[12])-(0[12])-(\d\d)")
_CREMA_D = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")
_SAVEE = re.compile(r"(?:(DC|JE|JK|KL)_)?(a|d|f|h|n|sa|su)(\d\d)")
# One of TESS's 2,800 files was published as OA_bite_neutral.
_TESS = re.compile(r"(OAF?|YAF)_([a-z]+)_([a-z]+)", re.IGNORECASE)
_EMODB = re.compile(r"(\d\d)([ab]\d\d)([WLEAFTN])([a-f])")

_CREMA_D_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_SAVEE_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
_TESS_EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",
    "sad": "sad",
}
_EMODB_EMOTIONS = {
    "W": "angry",
    "L": None,
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_EMODB_GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
}


def _ravdess(path: Path) -> Labels | None:
    found = _RAVDESS.fullmatch(path.stem)
    if found is None:
        return None
    modality, channel, emotion, _, statement, _, actor = found.groups()
    if modality != "03":
        raise NotSpeech("the sound of a RAVDESS video, which the audio-only file repeats")
    if channel != "01":
        raise NotSpeech("RAVDESS song")
    return Labels(
        name=path.stem,
        speaker=actor,
        gender="male" if int(actor) % 2 else "female",
        emotion=EMOTIONS[int(emotion) - 1],
        sentence=statement,
    )


def _crema_d(path: Path) -> Labels | None:
    found = _CREMA_D.fullmatch(path.stem)
    if found is None:
        return None
    actor, sentence, emotion, _ = found.groups()
    if emotion not in _CREMA_D_EMOTIONS:
        raise NotSpeech(f"CREMA-D has no emotion {emotion}")
    return Labels(path.stem, actor, None, _CREMA_D_EMOTIONS[emotion], sentence)


def _savee(path: Path) -> Labels | None:
    found = _SAVEE.fullmatch(path.stem)
    if found is None:
        return None
    speaker, emotion, number = found.groups()
    # Published as DC/a01.wav; copies go about flattened to DC_a01.wav.
    speaker = speaker or path.parent.name
    if speaker not in ("DC", "JE", "JK", "KL"):
        return None
    sentence = f"{emotion}{number}"
    return Labels(f"{speaker}_{sentence}", speaker, "male", _SAVEE_EMOTIONS[emotion], sentence)


def _tess(path: Path) -> Labels | None:
    found = _TESS.fullmatch(path.stem)
    if found is None or found[3].lower() not in _TESS_EMOTIONS:
        return None
    speaker, word, emotion = found[1].upper(), found[2].lower(), found[3].lower()
    speaker = "OAF" if speaker == "OA" else speaker
    return Labels(f"{speaker}_{word}_{emotion}", speaker, "female", _TESS_EMOTIONS[emotion], word)


def _emodb(path: Path) -> Labels | None:
    found = _EMODB.fullmatch(path.stem)
    if found is None or found[1] not in _EMODB_GENDERS:
        return None
    speaker, sentence, emotion, _ = found.groups()
    return Labels(path.stem, speaker, _EMODB_GENDERS[speaker], _EMODB_EMOTIONS[emotion], sentence)


def _without(*emotions: str) -> tuple[str, ...]:
    return tuple(emotion for emotion in EMOTIONS if emotion not in emotions)


_ALL = (
    Corpus(
        name="ravdess",
        title="Ryerson Audio-Visual Database of Emotional Speech and Song (speech)",
        emotions=EMOTIONS,
        genders=GENDERS,
        language="en",
        licence="CC BY-NC-SA 4.0",
        citation=(
            "S. R. Livingstone, F. A. Russo (2018): The Ryerson Audio-Visual Database of "
            "Emotional Speech and Song (RAVDESS). PLoS ONE 13(5), e0196391."
        ),
        read_name=_ravdess,
    ),
    Corpus(
        name="crema_d",
        title="Crowd-sourced Emotional Multimodal Actors Dataset",
        emotions=_without("calm", "surprised"),
        genders=GENDERS,
        language="en",
        licence="ODbL 1.0",
        citation=(
            "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma (2014): "
            "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset. "
            "IEEE Transactions on Affective Computing 5(4), 377-390."
        ),
        read_name=_crema_d,
    ),
    Corpus(
        name="savee",
        title="Surrey Audio-Visual Expressed Emotion",
        emotions=_without("calm"),
        genders=("male",),
        language="en",
        licence="research use",
        citation=(
            "S. Haq, P. J. B. Jackson (2010): Multimodal Emotion Recognition. "
            "In W. Wang (ed.), Machine Audition, IGI Global, 398-423."
        ),
        read_name=_savee,
    ),
    Corpus(
        name="tess",
        title="Toronto Emotional Speech Set",
        emotions=_without("calm"),
        genders=("female",),
        language="en",
        licence="CC BY-NC-ND 4.0",
        citation=(
            "M. K. Pichora-Fuller, K. Dupuis (2020): Toronto Emotional Speech Set (TESS). "
            "Borealis, doi:10.5683/SP2/E8H2MF."
        ),
        read_name=_tess,
    ),
    Corpus(
        name="emodb",
        title="Berlin Database of Emotional Speech",
        emotions=_without("calm", "surprised"),
        genders=GENDERS,
        language="de",
        licence="free for research",
        citation=(
            "F. Burkhardt, A. Paeschke, M. Rolfes, W. F. Sendlmeier, B. Weiss (2005): "
            "A database of German emotional speech. Interspeech 2005, 1517-1520."
        ),
        read_name=_emodb,
    ),
)

CORPORA: Mapping[str, Corpus] = {corpus.name: corpus for corpus in _ALL}
"""Every corpus the lab reads, by name."""


OWN_LICENCE = "as its owner says"
"""The terms of a user's own recordings, which no table of ours can know."""


def corpus_named(name: str) -> Corpus:
    """Return a corpus of the catalogue, or what can be said of a user's own by that name."""
    return CORPORA.get(name) or Corpus(
        name=name,
        title=name,
        emotions=EMOTIONS,
        genders=GENDERS,
        language="",
        licence=OWN_LICENCE,
        citation="",
        read_name=lambda _: None,
    )


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once: those of the catalogue in its order, then own ones by alphabet."""
    found = set(names)
    known = tuple(name for name in CORPORA if name in found)
    return known + tuple(sorted(found - CORPORA.keys()))
