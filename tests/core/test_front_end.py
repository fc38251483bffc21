from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import key_clicks, pink_noise, white_noise

from intone.core.blocks import BlockShape
from intone.core.decode import to_int16
from intone.core.framing import FRAME_SAMPLES
from intone.core.front_end import FrontEnd
from intone.core.vad import webrtc
from intone.settings import EndpointerSettings
from intone.types import (
    SAMPLE_RATE_HZ,
    AudioFormat,
    DiscardReason,
    EndReason,
    Hop,
    SpeechBlock,
    SpeechDiscarded,
    SpeechEnded,
    SpeechStarted,
)

SHAPE = BlockShape(2_560, 2_801)
MONO = AudioFormat()


def hops_of(
    samples: np.ndarray,
    cuts: list[int] | None = None,
    audio: AudioFormat = MONO,
    endpointer: EndpointerSettings | None = None,
    shape: BlockShape = SHAPE,
) -> list[Hop]:
    front_end = FrontEnd(audio, endpointer or EndpointerSettings(), webrtc, shape)
    data = to_int16(samples).tobytes()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts or []), len(data)]
    hops = [h for a, b in pairwise(bounds) for h in front_end.feed(data[a:b])]
    return hops + front_end.finish()


def tell(hop: Hop) -> tuple:
    """A hop as something that compares, windows by their bytes."""
    fields = [getattr(hop, name) for name in hop.__dataclass_fields__]
    return (type(hop).__name__, *[f.tobytes() if isinstance(f, np.ndarray) else f for f in fields])


def speech(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]


def kinds(hops: list[Hop]) -> list[str]:
    return [type(hop).__name__ for hop in hops if not isinstance(hop, SpeechBlock)]


def test_two_utterances_start_and_end_in_turn(two_utterances_wav):
    hops = hops_of(speech(two_utterances_wav))
    assert kinds(hops) == ["SpeechStarted", "SpeechEnded"] * 2
    first, second = (hop for hop in hops if isinstance(hop, SpeechEnded))
    assert (first.utterance_id, second.utterance_id) == (1, 2)
    assert first.end_sample <= second.start_sample
    assert first.reason is EndReason.SILENCE


@pytest.mark.parametrize("block_frames", [1, 3, 16, 100])
def test_how_much_a_model_takes_at_once_does_not_change_what_is_voiced(
    two_utterances_wav, block_frames
):
    shape = BlockShape(160 * block_frames, 160 * (block_frames - 1) + 401)
    expected = hops_of(speech(two_utterances_wav))
    hops = hops_of(speech(two_utterances_wav), shape=shape)
    assert [tell(h) for h in hops if not isinstance(h, SpeechBlock)] == [
        tell(h) for h in expected if not isinstance(h, SpeechBlock)
    ]


def test_blocks_tile_the_utterance_from_its_start(male_wav):
    samples = speech(male_wav)
    hops = hops_of(samples)
    blocks = [hop for hop in hops if isinstance(hop, SpeechBlock)]
    start = blocks[0].start_sample
    assert [b.end_sample for b in blocks] == [
        start + SHAPE.advance * (i + 1) for i in range(len(blocks))
    ]
    expected = samples[start : start + SHAPE.window - 1]
    np.testing.assert_array_equal(blocks[0].window[1:], expected)
    assert blocks[0].window[0] == 0.0
    ended = next(hop for hop in hops if isinstance(hop, SpeechEnded))
    assert ended.end_sample - blocks[-1].end_sample < SHAPE.window


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 200_000), max_size=60))
def test_any_split_of_the_bytes_gives_the_same_hops(cuts, two_utterances_wav):
    samples = speech(two_utterances_wav)
    assert [tell(h) for h in hops_of(samples, cuts)] == [tell(h) for h in hops_of(samples)]


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
@pytest.mark.parametrize("chunk", [1, 333, 4_096])
def test_nor_does_it_at_other_rates_and_two_channels(rate_hz, chunk, stereo_wav):
    samples = speech(stereo_wav)[:: 6 if rate_hz == 8_000 else 1][:60_000]
    audio = AudioFormat(sample_rate_hz=rate_hz, channels=2)
    cuts = list(range(0, samples.size * 2, chunk))
    whole = [tell(h) for h in hops_of(samples, audio=audio)]
    assert len(whole) > 4
    assert [tell(h) for h in hops_of(samples, cuts, audio)] == whole


def test_channels_have_their_own_utterances_and_one_series_of_ids(stereo_wav):
    hops = hops_of(speech(stereo_wav), audio=AudioFormat(sample_rate_hz=48_000, channels=2))
    started = [hop for hop in hops if isinstance(hop, SpeechStarted)]
    assert {hop.channel for hop in started} == {0, 1}
    assert [hop.utterance_id for hop in started] == list(range(1, len(started) + 1))


@pytest.fixture(scope="module")
def unlike_voices(male_wav, female_wav):
    """Float32 (n, 2): a man, and a woman who begins later and talks twice."""
    man, woman = speech(male_wav), speech(female_wav)
    pause = np.zeros(12_000, "f4")
    voices = [man, np.concatenate([pause, woman, pause, woman[8_000:]])]
    length = max(map(len, voices))
    return np.stack([np.pad(voice, (0, length - len(voice))) for voice in voices], axis=1)


def without_ids(hops: list[Hop], channel: int) -> list[tuple]:
    """What compares of one channel's hops with those of the same audio alone."""
    ids: dict[int, int] = {}
    told = []
    for kind, number, told_channel, *rest in map(tell, hops):
        if told_channel == channel:
            told.append((kind, ids.setdefault(number, len(ids)), *rest))
    return told


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 500_000), max_size=40))
def test_each_of_two_speakers_is_heard_as_if_alone(cuts, unlike_voices):
    together = hops_of(unlike_voices, cuts, AudioFormat(channels=2))
    assert {hop.channel for hop in together} == {0, 1}
    for channel in (0, 1):
        alone = without_ids(hops_of(unlike_voices[:, channel]), 0)
        assert without_ids(together, channel) == alone


def test_the_same_bytes_twice_give_the_same_hops_beside_another_stream(male_wav, female_wav):
    alone = [tell(h) for h in hops_of(speech(male_wav))]
    streams = [FrontEnd(MONO, EndpointerSettings(), webrtc, SHAPE) for _ in range(2)]
    data = [to_int16(speech(path)).tobytes() for path in (male_wav, female_wav)]
    told: list[list[tuple]] = [[], []]
    for position in range(0, max(map(len, data)), 1_000):
        for index, stream in enumerate(streams):
            told[index] += [tell(h) for h in stream.feed(data[index][position : position + 1_000])]
    for index, stream in enumerate(streams):
        told[index] += [tell(h) for h in stream.finish()]
    assert told[0] == alone
    assert told[1] != alone


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(320_000, "f4"),
        white_noise(-40),
        white_noise(-20),
        pink_noise(-30),
        *(key_clicks(rate, -12, seed=seed) for rate in (2, 5, 10, 20) for seed in range(5)),
    ],
)
def test_what_is_not_speech_gives_no_result(sound):
    hops = hops_of(sound)
    assert not any(isinstance(hop, SpeechEnded) for hop in hops)
    assert not any(isinstance(hop, SpeechBlock) and hop.is_confirmed for hop in hops)


def test_a_click_train_that_fools_the_detector_is_discarded_by_name():
    hops = hops_of(key_clicks(12, -12))
    reasons = {hop.reason for hop in hops if isinstance(hop, SpeechDiscarded)}
    assert DiscardReason.UNVOICED in reasons


def test_a_short_word_is_discarded_by_name(male_wav):
    endpointer = EndpointerSettings(min_speech_ms=10_000)
    hops = hops_of(speech(male_wav), endpointer=endpointer)
    assert kinds(hops) == ["SpeechStarted", "SpeechDiscarded"]
    assert hops[-1].reason is DiscardReason.TOO_SHORT


def test_the_floor_silences_quiet_speech(male_wav):
    endpointer = EndpointerSettings(floor_dbfs=0.0)
    assert hops_of(speech(male_wav), endpointer=endpointer) == []


@pytest.mark.parametrize("offset", [-0.01, 0.001, 0.3])
def test_a_constant_in_the_signal_is_not_loudness(male_wav, offset):
    """As of a sound card whose zero is not zero: what is under the floor stays under it."""
    floor_dbfs = EndpointerSettings().floor_dbfs
    samples = speech(male_wav)
    loudest = np.sqrt(np.mean(samples[: len(samples) // 320 * 320].reshape(-1, 320) ** 2, 1)).max()
    quiet = samples * 10 ** ((floor_dbfs - 3) / 20) / loudest
    assert hops_of(quiet) == hops_of(quiet + np.float32(offset)) == []
    assert kinds(hops_of(samples * 0.5 + np.float32(offset))) == kinds(hops_of(samples * 0.5))


def test_a_long_utterance_is_split_and_the_next_names_it(male_wav):
    # The same words over and over, without a pause as long as the hangover.
    samples = np.tile(speech(male_wav)[8_000:24_000], 4)
    endpointer = EndpointerSettings(max_utterance_ms=1_500)
    hops = [h for h in hops_of(samples, endpointer=endpointer) if not isinstance(h, SpeechBlock)]
    split = hops[1]
    assert isinstance(split, SpeechEnded)
    assert split.reason is EndReason.MAX_DURATION
    assert split.end_sample - split.start_sample == 24_000
    assert isinstance(hops[2], SpeechStarted)
    assert hops[2].continues == split.utterance_id
    assert hops[2].start_sample == split.end_sample


def test_flush_ends_the_utterance_and_the_stream_goes_on(male_wav):
    data = to_int16(speech(male_wav)).tobytes()
    front_end = FrontEnd(MONO, EndpointerSettings(), webrtc, SHAPE)
    hops = front_end.feed(data[: len(data) // 2]) + front_end.flush()
    assert isinstance(hops[-1], SpeechEnded)
    assert hops[-1].reason is EndReason.FLUSH
    assert front_end.flush() == []
    rest = front_end.feed(data[len(data) // 2 :]) + front_end.finish()
    assert "SpeechStarted" in kinds(rest)


def talk_at(audio: AudioFormat, path) -> np.ndarray:
    """Six seconds without a pause as int16, (ticks, channels); the second is a little behind."""
    samples = np.tile(speech(path)[8_000:24_000], 6)
    there = soxr.resample(samples, SAMPLE_RATE_HZ, audio.sample_rate_hz)
    channels = [np.roll(there, audio.sample_rate_hz // 10 * c) for c in range(audio.channels)]
    return to_int16(np.stack(channels, axis=1).clip(-1, 1))


def flushed_hops(
    ticks: np.ndarray,
    audio: AudioFormat,
    flush_at: Sequence[int],
    cuts: Sequence[int] = (),
    endpointer: EndpointerSettings | None = None,
) -> list[list[Hop]]:
    """The hops up to and with each flush, before the given ticks, and the rest.

    The bytes are cut at the flushes and at ``cuts``; each flush is asked for twice.
    """
    front_end = FrontEnd(audio, endpointer or EndpointerSettings(), webrtc, SHAPE)
    data, told = ticks.tobytes(), []
    bounds = [0, *(tick * audio.bytes_per_tick for tick in flush_at), len(data)]
    for first, last in pairwise(bounds):
        inner = [first, *sorted(cut for cut in cuts if first < cut < last), last]
        told.append([h for a, b in pairwise(inner) for h in front_end.feed(data[a:b])])
        if last < len(data):
            told[-1] += front_end.flush()
            assert front_end.flush() == []
    told[-1] += front_end.finish()
    return told


FLUSHED = [
    AudioFormat(sample_rate_hz=rate_hz, channels=channels)
    for rate_hz in (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
    for channels in (1, 2)
]


@pytest.mark.parametrize("audio", FLUSHED, ids=lambda a: f"{a.sample_rate_hz}x{a.channels}")
def test_a_flush_ends_the_utterance_where_the_audio_ends(audio, male_wav):
    flush_at = [audio.sample_rate_hz * ms // 1_000 for ms in (1_000, 2_600, 4_200, 5_800)]
    told = flushed_hops(talk_at(audio, male_wav), audio, flush_at)
    ends = [
        [hop for hop in hops if isinstance(hop, SpeechEnded) and hop.reason is EndReason.FLUSH]
        for hops in told[:-1]
    ]
    assert [[hop.end_sample for hop in some] for some in ends] == [
        [sample] * audio.channels for sample in (16_000, 41_600, 67_200, 92_800)
    ]
    # Nor does what follows lack anything: it goes on from there.
    assert {hop.start_sample for some in ends[1:] for hop in some} == {16_000, 41_600, 67_200}


@settings(max_examples=40, deadline=None)
@given(
    audio=st.sampled_from(FLUSHED),
    flushes=st.lists(st.floats(0, 1, exclude_max=True), max_size=5, unique=True).map(sorted),
    cuts=st.lists(st.floats(0, 1), max_size=40),
)
def test_any_split_of_the_bytes_between_flushes_gives_the_same_hops(audio, flushes, cuts, male_wav):
    ticks = talk_at(audio, male_wav)
    flush_at = [int(flush * len(ticks)) for flush in flushes]
    told = flushed_hops(ticks, audio, flush_at)
    split = flushed_hops(ticks, audio, flush_at, [int(cut * ticks.nbytes) for cut in cuts])
    assert [[tell(h) for h in hops] for hops in split] == [[tell(h) for h in hops] for hops in told]
    for tick, hops in zip(flush_at, told, strict=False):
        heard = (2 * tick * SAMPLE_RATE_HZ + audio.sample_rate_hz) // (2 * audio.sample_rate_hz)
        over = [h for h in hops if isinstance(h, SpeechEnded) and h.reason is EndReason.FLUSH]
        assert {hop.end_sample for hop in over} <= {heard - heard % FRAME_SAMPLES}


def test_what_the_resampler_holds_may_begin_what_a_flush_ends(male_wav):
    """As at 16 kHz, where it had begun by then."""
    audio = AudioFormat(sample_rate_hz=8_000)
    ticks, endpointer = talk_at(audio, male_wav), EndpointerSettings()
    front_end = FrontEnd(audio, endpointer, webrtc, SHAPE)
    assert front_end.feed(ticks[: 8 * 300].tobytes()) == []
    assert kinds(front_end.flush()) == ["SpeechStarted", "SpeechDiscarded"]
    assert front_end.heard_samples == 300 * 16 - 300 * 16 % FRAME_SAMPLES


@settings(max_examples=30, deadline=None)
@given(
    pieces=st.lists(
        st.tuples(st.sampled_from(["speech", "silence", "noise", "clicks", "flush"]),
                  st.integers(0, 20_000)),
        max_size=12,
    ),
    min_speech_ms=st.sampled_from([0, 400, 1_200]),
)  # fmt: skip
def test_every_start_has_exactly_one_end(pieces, min_speech_ms, male_wav):
    sounds = {
        "speech": speech(male_wav),
        "silence": np.zeros(20_000, "f4"),
        "noise": white_noise(-15, 2),
        "clicks": key_clicks(15, -6, 2),
    }
    endpointer = EndpointerSettings(min_speech_ms=min_speech_ms, max_utterance_ms=1_200)
    front_end = FrontEnd(MONO, endpointer, webrtc, SHAPE)
    hops: list[Hop] = []
    for kind, length in pieces:
        if kind == "flush":
            hops += front_end.flush()
        else:
            hops += front_end.feed(to_int16(sounds[kind][:length]).tobytes())
    hops += front_end.finish()
    started = [h.utterance_id for h in hops if isinstance(h, SpeechStarted)]
    ended = [h.utterance_id for h in hops if isinstance(h, SpeechEnded | SpeechDiscarded)]
    assert started == ended == list(range(1, len(started) + 1))
    with_blocks = {h.utterance_id for h in hops if isinstance(h, SpeechBlock)}
    assert {h.utterance_id for h in hops if isinstance(h, SpeechEnded)} <= with_blocks
