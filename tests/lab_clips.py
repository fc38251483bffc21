"""Made-up clips and features for the lab's tests: no recording, no corpus."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from intone_lab.catalogue import EMOTIONS
from intone_lab.copies import AS_IT_IS
from intone_lab.corpora import Clip
from intone_lab.dataset import Example
from intone_lab.evaluation import Heard
from intone_lab.teacher.encoder import SOURCES
from intone_lab.teacher.source import TeacherError, fetched


def make_clips(corpus: str, women: int, men: int, takes: int = 1) -> list[Clip]:
    return [
        Clip(
            path=Path(f"{corpus}/{gender}{speaker}/{emotion}-{take}.flac"),
            corpus=corpus,
            speaker=f"{corpus}/{gender}{speaker}",
            gender=gender,
            emotion=emotion,
            sentence=str(take),
            name=f"{gender}{speaker}-{emotion}-{take}",
        )
        for gender, count in (("female", women), ("male", men))
        for speaker in range(count)
        for emotion in EMOTIONS
        for take in range(takes)
    ]


def make_examples(clips: list[Clip], seed: int = 0) -> list[Example]:
    """Noise whose mean says the emotion, 6 to 20 blocks long."""
    rng = np.random.default_rng(seed)
    examples = []
    for clip in clips:
        frames = 16 * int(rng.integers(6, 21))
        level = EMOTIONS.index(str(clip.emotion))
        features = rng.standard_normal((frames, 40)).astype("f4")
        features[:, 1] += level
        features[:, 2] += 3.0 if clip.gender == "male" else -3.0
        examples.append(Example(clip, AS_IT_IS.name, (features,)))
    return examples


def heard(clip: Clip, emotion: str | None, gender: str = "female", labels=EMOTIONS) -> Heard:
    """What a model says that is sure of one label; None: nothing was heard."""
    if emotion is None:
        return Heard(clip, 0, None, None)
    said = np.full(len(labels), -5.0, "f4")
    said[labels.index(emotion)] = 0.0
    return Heard(clip, 1, said, np.array([0.0, -1.0] if gender == "female" else [-1.0, 0.0], "f4"))


def speak(path: Path, *, pitch: int, speed: int) -> None:
    """Have espeak-ng say a sentence of RAVDESS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = "Kids are talking by the door"
    subprocess.run(["espeak-ng", "-w", path, "-p", str(pitch), "-s", str(speed), words], check=True)


def speak_corpus(root: Path, actors: int, emotions: int = 8) -> None:
    """Synthetic actors, women and men in turn, named as RAVDESS names them."""
    for actor in range(1, actors + 1):
        for emotion in range(1, emotions + 1):
            speak(
                root / f"Actor_{actor:02}" / f"03-01-0{emotion}-01-01-01-{actor:02}.wav",
                pitch=(20 if actor % 2 else 70) + actor,
                speed=110 + 12 * emotion,
            )


def fetch_teachers(folder: Path) -> Path:
    """Have the files of both teachers in ``folder``; skip the test where they cannot be had."""
    try:
        for source in SOURCES:
            fetched(source, folder)
    except TeacherError as error:
        pytest.skip(str(error))
    return folder
