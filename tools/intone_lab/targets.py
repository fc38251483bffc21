"""What a training clip is asked for: its emotion as played or as heard, and its gender."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from intone.types import FloatArray
from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.corpora import Clip, emotions_present

ABSENT = -1e9
"""Added to the logits of emotions a clip's corpus does not hold: no probability, no gradient.

A number of a few logits in its place lets such an emotion be, and has it learnt that it is not
there only where the network is sure that it is.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The answers that a clip's loss is taken from, float32 each."""

    allowed: FloatArray
    """(emotions,): added to the logits of emotion, 0 or what is added to those not held."""
    emotion: FloatArray
    """(emotions,): probabilities."""
    gender: FloatArray
    """(genders,): probabilities."""


def tells_gender(clip: Clip, raised: float, sources: Collection[str], most: float) -> bool:
    """Whether a clip whose formants are moved up by the share ``raised`` tells of its gender.

    Not once they are moved towards the other gender's by more than ``most``: women's lie about
    15 % over men's. Nor where its corpus is none of ``sources``: where one sex is missing, gender
    could be learnt from the channel.
    """
    if clip.gender is None or clip.corpus not in sources:
        return False
    return (-raised if clip.gender == "female" else raised) <= most


class Targets:
    """The targets of some clips, for a network of some emotions."""

    def __init__(
        self,
        clips: Iterable[Clip],
        emotions: Sequence[str],
        smoothing: float,
        perceived: float,
        absent: Mapping[str, float],
    ) -> None:
        """Take ``perceived``, the share of times that a clip is asked for what was heard in it.

        ``absent`` stands for :data:`ABSENT` in the corpora it names.
        """
        clips = set(clips)
        self._emotions, self._smoothing = emotions, smoothing
        self._perceived, self._absent = perceived, absent
        self.present = emotions_present(clips)
        """The emotions that each corpus holds."""
        self._heard = _heard(clips)

    def of(self, clip: Clip, rng: np.random.Generator) -> Target:
        """Return what ``clip`` is asked for this time."""
        choices, shares = self._asked(clip, rng)
        is_allowed = np.array([emotion in choices for emotion in self._emotions])
        emotion = np.where(is_allowed, self._smoothing / is_allowed.sum(), 0.0)
        emotion += (1.0 - self._smoothing) * shares
        gender = np.full(len(GENDERS), self._smoothing / len(GENDERS))
        if clip.gender is not None:
            gender[GENDERS.index(clip.gender)] += 1.0 - self._smoothing
        allowed = np.where(is_allowed, 0.0, self._absent.get(clip.corpus, ABSENT))
        return Target(allowed.astype("f4"), emotion.astype("f4"), gender.astype("f4"))

    def _asked(self, clip: Clip, rng: np.random.Generator) -> tuple[Collection[str], FloatArray]:
        """Return what the emotion is chosen from, and each label's share of it."""
        heard = self._shares_heard(clip) if self._perceived else None
        if heard is not None and rng.random() < self._perceived:
            return self._heard[clip.corpus], heard
        present = self.present[clip.corpus]
        is_played = [emotion == clip.emotion and emotion in present for emotion in self._emotions]
        return present, np.array(is_played, "f4")

    def _shares_heard(self, clip: Clip) -> FloatArray | None:
        """Return the share of each label in what listeners heard; None: they heard none of them."""
        if clip.perceived is None:
            return None
        shares: FloatArray = np.array(
            [clip.perceived[EMOTIONS.index(emotion)] for emotion in self._emotions], "f4"
        )
        return shares / shares.sum() if shares.any() else None


def _heard(clips: Collection[Clip]) -> dict[str, set[str]]:
    """Return the emotions that any listener heard in any clip of each corpus."""
    heard: dict[str, set[str]] = {clip.corpus: set() for clip in clips}
    for clip in clips:
        if clip.perceived is not None:
            shares = zip(EMOTIONS, clip.perceived, strict=True)
            heard[clip.corpus] |= {emotion for emotion, share in shares if share}
    return heard
