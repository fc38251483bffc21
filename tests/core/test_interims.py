"""Two models on the same blocks: neither says anything else than it says alone."""

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import white_noise
from talk import pcm_of

from intone import Session
from intone.core.blocks import BlockShape
from intone.core.features import MfccSettings, SampleSettings, extractor
from intone.core.interims import WithInterims, interim_card, why_not
from intone.core.recogniser import checked_step, try_out
from intone.errors import ModelError
from intone.models import ModelStore
from intone.types import UtteranceInterim, UtteranceResult


@pytest.fixture(scope="module")
def store():
    return ModelStore.load()


@pytest.fixture(scope="module")
def alone(store):
    return {name: store[name].alone().new_recogniser() for name in ("gru", "cnn", "pretrained")}


@pytest.fixture(scope="module")
def both(alone):
    return WithInterims(alone["cnn"], alone["gru"])


def events_of(recogniser, data, cuts=()):
    session = Session(model=recogniser, interim_ms=300)
    bounds = [0, *sorted(min(2 * cut, len(data)) for cut in cuts), len(data)]
    events = [event for a, b in pairwise(bounds) for event in session.feed(data[a:b])]
    return events + session.finish()


def interims_of(events):
    return [event for event in events if isinstance(event, UtteranceInterim)]


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 100_000), max_size=12))
def test_interims_are_the_ones_and_results_the_others_whatever_the_pieces(
    both, alone, two_utterances_wav, cuts
):
    data = pcm_of(two_utterances_wav)
    meanwhile = events_of(alone["gru"], data)
    at_end = events_of(alone["cnn"], data)
    said = events_of(both, data, cuts)
    assert interims_of(said) == interims_of(meanwhile)
    assert [event for event in said if not isinstance(event, UtteranceInterim)] == at_end
    assert [isinstance(event, UtteranceInterim) for event in said] == [
        isinstance(event, UtteranceInterim) for event in meanwhile
    ]
    assert len(interims_of(said)) > 4


@settings(max_examples=20, deadline=None)
@given(others=st.integers(0, 5), blocks=st.integers(1, 4))
def test_neighbours_change_nothing(both, others, blocks):
    window = both.card.shape.window
    rng = np.random.default_rng(blocks)
    mine = rng.normal(0, 0.1, (blocks, window)).astype("f4")
    state_alone = state_beside = np.zeros(0, np.float32)
    for block in mine:
        output = checked_step(both, block[None], [state_alone])
        state_alone, said_alone = output.states[0], output.emotion_logits[0]
        windows = np.stack([*rng.normal(0, 0.3, (others, window)).astype("f4"), block])
        states = [np.zeros(0, np.float32)] * others + [state_beside]
        output = checked_step(both, windows, states)
        state_beside, said_beside = output.states[-1], output.emotion_logits[-1]
        np.testing.assert_allclose(said_beside, said_alone, atol=1e-5)
    np.testing.assert_allclose(
        both.finish(state_beside).emotion_logits, both.finish(state_alone).emotion_logits, atol=1e-5
    )


def test_the_shipped_pair_says_while_one_speaks_what_gru_does(store, alone, male_wav):
    data, pair = pcm_of(male_wav), store["pretrained"].new_recogniser()
    try_out(pair)
    assert interim_card(pair) == store["pretrained"].interim_card == store["gru"].card
    said = events_of(pair, data)
    assert interims_of(said) == interims_of(events_of(alone["gru"], data))
    (result,) = [event for event in said if isinstance(event, UtteranceResult)]
    assert result == events_of(alone["pretrained"], data)[-1]
    assert result.model == "pretrained"


def test_answers_that_are_none_are_told_as_whose_they_are(alone):
    class Broken:
        card = alone["gru"].card

        def step(self, windows, states):
            output = alone["gru"].step(windows, states)
            return replace(output, emotion_logits=output.emotion_logits * np.nan)

    pair = WithInterims(alone["cnn"], Broken())
    with pytest.raises(ModelError, match="gru answered logits that are not finite"):
        try_out(pair)


@pytest.mark.parametrize("model", ["pair", "shipped"])
def test_who_asks_for_no_interims_gets_none(store, both, male_wav, model):
    session = Session(model=both if model == "pair" else store["pretrained"], interim_ms=0)
    events = session.feed(pcm_of(male_wav)) + session.finish()
    assert interims_of(events) == []
    assert isinstance(events[-1], UtteranceResult)


def test_who_gives_interims(store, alone, both):
    assert interim_card(alone["gru"]) == alone["gru"].card
    assert interim_card(alone["cnn"]) is None
    assert interim_card(both) == alone["gru"].card
    assert store["cnn"].interim_card is None
    assert store["pretrained"].alone().interim_card is None
    assert store["gru"].interim_card == store["gru"].card


@pytest.mark.parametrize(
    ("at_end", "meanwhile", "changes", "why"),
    [
        ("gru", "gru", {}, "are for one that answers at the end"),
        ("cnn", "cnn-bigru", {}, "cnn-bigru's, which answers at the end itself"),
        ("cnn", "lstm", {}, "lstm's, whose labels are others"),
        ("cnn", "gru", {"block_frames": 8}, r"gru's, whose blocks are .*advance=2560.*=1280"),
        ("cnn", "gru", {"genders": ("male", "female")}, "whose labels are others"),
    ],
)
def test_what_does_not_go_together_is_refused(store, at_end, meanwhile, changes, why):
    recogniser = store[at_end].new_recogniser()
    other = store[meanwhile].new_recogniser()
    card = msgspec.structs.replace(store[at_end].card, **changes)

    class Changed:
        step = finish = None

        @property
        def card(self):
            return card

    with pytest.raises(ModelError, match=why):
        WithInterims(Changed() if changes else recogniser, other)
    assert why_not(store["cnn"].card, store["gru"].card) is None


@pytest.mark.parametrize("beyond", [0, 1, 240])
def test_what_lies_beyond_a_block_of_samples_is_not_used(beyond):
    settings = SampleSettings(hop_samples=160, beyond_samples=beyond)
    shape = BlockShape(16 * 160, settings.window_samples(16))
    windows = white_noise(-20.0, 2 * shape.window / 16_000).reshape(2, -1)
    expected = extractor(SampleSettings(hop_samples=160))(windows[:, : 16 * 160 + 1])
    np.testing.assert_array_equal(extractor(settings)(windows), expected)


def test_spectra_reach_beyond_their_hops_by_the_rest_of_a_frame():
    mfcc = MfccSettings()
    as_long = SampleSettings(beyond_samples=mfcc.beyond_samples)
    assert as_long.window_samples(16) == mfcc.window_samples(16)
