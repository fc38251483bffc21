"""Made-up clips and features for the lab's tests: no audio, no corpus."""

from pathlib import Path

import numpy as np

from intone_lab.catalogue import EMOTIONS
from intone_lab.copies import AS_IT_IS
from intone_lab.corpora import Clip
from intone_lab.dataset import Example


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
