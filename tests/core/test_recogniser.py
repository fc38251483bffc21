"""What a model says is looked at before anybody is told."""

import numpy as np
import pytest
from small_recogniser import SmallRecogniser, SmallUtteranceRecogniser

from intone.core.recogniser import StepOutput, checked_finish, checked_step
from intone.errors import ModelError, RecogniserFailed
from intone.models import ModelStore
from intone.session import Session
from intone.types import AudioFormat, Scores

WINDOWS = np.full((2, 2_801), 0.1, "f4")


@pytest.fixture
def card():
    return ModelStore.load(names=("gru",))["gru"].card


def saying(card, change):
    """A recogniser whose output goes through ``change``."""
    recogniser = SmallRecogniser(card)
    step = recogniser.step
    recogniser.step = lambda windows, states: change(step(windows, states))
    return recogniser


WRONG = {
    "a label too few": lambda o: StepOutput(o.emotion_logits[:, 1:], o.gender_logits, o.states),
    "a row too few": lambda o: StepOutput(o.emotion_logits, o.gender_logits[1:], o.states),
    "no rows": lambda o: StepOutput(o.emotion_logits[:0], o.gender_logits[:0], o.states),
    "a state too few": lambda o: StepOutput(o.emotion_logits, o.gender_logits, o.states[1:]),
    "no number": lambda o: StepOutput(o.emotion_logits * np.nan, o.gender_logits, o.states),
    "no end": lambda o: StepOutput(o.emotion_logits, o.gender_logits + np.inf, o.states),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_is_no_answer_for_the_card_is_refused(card, change):
    recogniser = saying(card, change)
    states = [np.zeros(recogniser.card.state_size, "f4")] * 2
    with pytest.raises(ModelError):
        checked_step(recogniser, WINDOWS, states)


def test_an_answer_is_handed_on(card):
    recogniser = SmallRecogniser(card)
    states = [np.zeros(recogniser.card.state_size, "f4")] * 2
    plain, checked = recogniser.step(WINDOWS, states), checked_step(recogniser, WINDOWS, states)
    np.testing.assert_array_equal(checked.emotion_logits, plain.emotion_logits)


def test_an_answer_at_the_end_is_looked_at_too(card):
    recogniser = SmallUtteranceRecogniser(card)
    nothing = checked_step(recogniser, WINDOWS, [np.zeros(0, "f4")] * 2)
    assert nothing.scores == [None, None]
    good = recogniser.finish(nothing.states[0])
    assert checked_finish(recogniser, nothing.states[0]).emotion_logits.shape == (8,)
    recogniser.finish = lambda _: Scores(good.emotion_logits[1:], good.gender_logits)
    with pytest.raises(ModelError, match=r"\(7,\) for 8 labels"):
        checked_finish(recogniser, nothing.states[0])


def test_a_session_does_not_tell_what_is_no_number(card, male_wav):
    session = Session(AudioFormat(), model=saying(card, WRONG["no number"]))
    with pytest.raises(RecogniserFailed, match="not finite"):
        session.feed(male_wav.read_bytes()[44:])
