"""Scores to events: which calibration is whose, and what is remembered of an utterance."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from intone.core.answers import Answers
from intone.core.card import Calibration
from intone.core.decision import decide
from intone.models import ModelStore
from intone.types import EndReason, Scores, SpeechBlock, SpeechEnded, SpeechStarted

EMOTION = Calibration(temperature=2.0, threshold=0.1)
GENDER = Calibration(temperature=0.5, threshold=0.95)
SCORES = Scores(np.linspace(-1, 2, 8, dtype="f4"), np.array([0.3, 1.0], "f4"))


@pytest.fixture(scope="module")
def card():
    card = ModelStore.load()["gru"].card
    return msgspec.structs.replace(card, emotion_calibration=EMOTION, gender_calibration=GENDER)


def test_each_head_has_its_own_calibration(card):
    answers = Answers(card, 160, card)
    answers.started(SpeechStarted(1, 0, 0, None))
    window = np.zeros(card.shape.window, "f4")
    interim = answers.scored(SpeechBlock(1, 0, 0, 2_560, True, window), SCORES)
    result = answers.ended(SpeechEnded(1, 0, 0, 3_200, EndReason.SILENCE))
    for told in (interim, result):
        assert told.emotion == decide(SCORES.emotion_logits, card.emotions, EMOTION)
        assert told.gender == decide(SCORES.gender_logits, card.genders, GENDER)
    # By the other's threshold it would be sure.
    assert result.gender.label == "unsure"
    assert result.gender.confidence == pytest.approx(1 / (1 + np.exp(-1.4)), abs=1e-6)
    assert result.emotion.label == card.emotions[-1]


def test_it_is_told_from_beginning_to_end_which_utterance_goes_on(card):
    answers = Answers(card, 0, None)
    assert answers.started(SpeechStarted(2, 1, 0, 1)).continues == 1
    result = answers.ended(SpeechEnded(2, 1, 0, 3_200, EndReason.FLUSH), SCORES)
    assert (result.continues, result.channel, result.end_ms) == (1, 1, 200)
