"""The model of two networks as they are: what they say in TFLite, its heads, its training."""

import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from click.testing import CliRunner
from lab_clips import fetch_teachers, make_clips, speak_corpus

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import onnx
import onnxruntime

from intone import AudioFormat, Session
from intone.core.tflite_utterance import utterance
from intone.models import ModelStore
from intone.types import UtteranceResult
from intone_lab import export
from intone_lab.cli import main
from intone_lab.copies import AS_IT_IS, Copy, send
from intone_lab.dataset import block_shape
from intone_lab.folds import Split
from intone_lab.heads.regression import Heads
from intone_lab.heads.rows import Kind
from intone_lab.pipeline import trained_on
from intone_lab.pretrained import pipeline
from intone_lab.pretrained.files import with_heads
from intone_lab.pretrained.hearing import HeardCopy
from intone_lab.pretrained.settings import PRETRAINED, STATISTICS, HeadSettings
from intone_lab.run_record import Weights
from intone_lab.teacher.encoder import SOURCES
from intone_lab.teacher.source import fetched
from intone_lab.teacher.voices import Voices
from intone_lab.teacher.whisper import LAYERS, Whisper

needs_speech = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)
OF_WHISPER, OF_VOICES = slice(0, 4 * 384), slice(4 * 384, STATISTICS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The networks' files, and then what they were converted to."""
    return fetch_teachers(tmp_path_factory.mktemp("networks"))


def picking(statistics):
    """Heads that say eight of the statistics as they are."""
    emotion = np.zeros((STATISTICS + 1, 8), np.float32)
    emotion[statistics, np.arange(8)] = 1.0
    return Heads(emotion, np.zeros((STATISTICS + 1, 2), np.float32))


def recogniser(cache, heads, weights=Weights.FLOAT32):
    content = with_heads(heads, weights, cache)
    return utterance(export.make_card(content, architecture=PRETRAINED), content)


def picked(cache, samples, statistics, weights=Weights.FLOAT32):
    said = [
        recogniser(cache, picking(eight), weights).finish(samples).emotion_logits
        for eight in np.reshape(statistics, (-1, 8))
    ]
    return np.concatenate(said)


def some_of(part, count=32):
    return np.random.default_rng(0).permutation(np.arange(part.start, part.stop))[:count]


def babble(seconds):
    """Sounds whose pitch and loudness wander: 16 kHz, in whole blocks."""
    rng = np.random.default_rng(3)
    count = int(seconds * 16_000 / block_shape().advance) * block_shape().advance
    at = np.arange(count) / 16_000
    hz = 130 + 50 * np.sin(2 * np.pi * 0.7 * at) + 30 * np.sin(2 * np.pi * 2.3 * at)
    phase = 2 * np.pi * np.cumsum(hz) / 16_000
    voice = sum(np.sin(n * phase) / n for n in range(1, 20))
    loudness = 0.1 * (1.1 + np.sin(2 * np.pi * 3.1 * at))
    return (loudness * voice + rng.normal(0, 0.003, count)).astype("f4")


def mean_and_deviation(frames):
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def test_the_voices_network_is_the_teachers(cache):
    samples = babble(3.0)
    frames = Voices(fetched(SOURCES[1], cache))(samples)
    halves = [mean_and_deviation(frames[:, part]) for part in (slice(256), slice(256, 512))]
    chosen = some_of(OF_VOICES)
    expected = np.concatenate(halves)[chosen - OF_VOICES.start]
    np.testing.assert_allclose(picked(cache, samples, chosen), expected, atol=2e-3)


def without_rounding(path):
    """The file's network, its activations no longer rounded to int8 and back."""
    model = onnx.load(str(path))
    graph, stored = model.graph, {tensor.name for tensor in model.graph.initializer}
    same = {}
    for node in list(graph.node):
        is_of_weights = node.op_type == "DequantizeLinear" and node.input[0] in stored
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and not is_of_weights:
            same[node.output[0]] = node.input[0]
            graph.node.remove(node)

    def source(name):
        return source(same[name]) if name in same else name

    for node in graph.node:
        node.input[:] = [source(name) for name in node.input]
    del graph.output[:]
    graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in LAYERS[1:])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # of every constant that is no longer used
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def test_the_whisper_network_is_the_teachers_but_for_rounding(cache):
    """On a whole 8 s: the teacher has silence before what is shorter, and here is nothing."""
    samples, path = babble(8.0), fetched(SOURCES[0], cache)
    log_mel = Whisper(path)._log_mel(samples)
    layers = without_rounding(path).run(None, {"input_features": log_mel[None]})
    chosen = some_of(OF_WHISPER)
    expected = np.concatenate([mean_and_deviation(layer[0]) for layer in layers])[chosen]
    np.testing.assert_allclose(picked(cache, samples, chosen), expected, atol=0.02)


def test_int8_weights_say_what_float_ones_say_in_a_third_of_the_size(cache):
    chosen = np.concatenate([some_of(OF_WHISPER, 16), some_of(OF_VOICES, 16)])
    small, large = (picked(cache, babble(2.0), chosen, weights) for weights in Weights)
    np.testing.assert_allclose(small, large, atol=0.1)
    assert np.corrcoef(small, large)[0, 1] > 0.999
    heads = picking(np.arange(8))
    sizes = [len(with_heads(heads, weights, cache)) for weights in (Weights.INT8, Weights.FLOAT32)]
    assert sizes[0] < 0.33 * sizes[1]


def test_heads_of_another_size_are_refused(cache):
    heads = picking(np.arange(8))
    with pytest.raises(ValueError, match=r"a head of \(2561, 7\) does not go"):
        with_heads(replace(heads, emotion=heads.emotion[:, :7]), Weights.INT8, cache)


def test_longer_speech_is_split_where_the_network_ends(cache):
    said = recogniser(cache, picking(np.arange(8)), Weights.INT8)
    session = Session(AudioFormat(), model=said)
    data = (babble(11.0) * 20_000).astype("<i2").tobytes()
    results = [e for e in session.feed(data) + session.finish() if isinstance(e, UtteranceResult)]
    # 8 s, and what the last block's window reaches beyond it, in whole frames.
    first, second = (result.end_ms - result.start_ms for result in results)
    assert first == 8_020
    assert second < 8_000


# --- training -------------------------------------------------------------------------


def heard_copy(clip, copy=AS_IT_IS.name, *behind):
    return HeardCopy(clip, copy, frozenset(behind), np.zeros(STATISTICS, np.float32))


def test_nobody_who_is_held_out_is_heard_behind():
    known, held_out = make_clips("ravdess", women=2, men=0)[:8], make_clips("savee", 0, 1)
    every = [heard_copy(clip) for clip in (*known, *held_out)]
    every += [heard_copy(known[0], "room", known[1]), heard_copy(known[0], "room", held_out[0])]
    every += [heard_copy(known[0], "crowd", *known[1:7])]
    every += [heard_copy(known[0], "crowd", *known[1:6], held_out[0])]
    kept = trained_on(every, Split("fold1", tuple(known), tuple(held_out)))
    assert kept == [*every[:8], every[-4], every[-2]]


@pytest.mark.parametrize(
    ("gender", "copy", "counts"),
    [
        ("female", "slow", False),
        ("female", "fast", True),
        ("male", "slow", True),
        ("male", "fast", False),
        ("female", "another voice", False),
        ("male", "a third voice", False),
    ],
)
def test_gender_is_not_asked_of_formants_moved_towards_the_other(gender, copy, counts):
    clips = make_clips("ravdess", 1, 1)
    one = next(clip for clip in clips if clip.gender == gender)
    settings = HeadSettings()
    assert pipeline.row_of(heard_copy(one), settings).tells_gender
    assert pipeline.row_of(heard_copy(one, copy), settings).tells_gender == counts
    of_men = heard_copy(replace(one, corpus="savee"))
    assert not pipeline.row_of(of_men, settings).tells_gender


def test_a_copy_is_what_was_done_to_the_clip_and_counts_as_much_as_the_settings_say():
    clip = make_clips("ravdess", 1, 0)[0]
    names = ("as it is", "fast", "another voice", "telephone", "loud crowd")
    rows = [pipeline.row_of(heard_copy(clip, name), HeadSettings()) for name in names]
    same, heard, around = Kind.AS_IT_IS, Kind.OTHERWISE, Kind.IN_SURROUNDINGS
    assert [row.kind for row in rows] == [same, heard, heard, around, around]
    assert [row.weight for row in rows] == [1.0, 1.0, 0.5, 0.5, 0.5]


def test_a_copy_in_a_crowd_holds_everybody_at_a_level_of_its_own():
    samples, in_a_crowd = babble(1.0), Copy("crowd", crowd_snr_db=(0.0, 25.0))
    at = np.arange(len(samples)) / 16_000
    voices = [0.3 * np.sin(2 * np.pi * hz * at).astype("f4") for hz in (3_000, 4_000, 5_000)]

    def heard(seed):
        sent = send(samples, in_a_crowd, samples, seed, voices)
        return np.frombuffer(sent.data, "<i2") / 32_768

    assert (heard("a") == heard("a")).all()
    left = [heard(seed) - samples for seed in "abcdef"]
    levels = {round(float(np.std(noise)), 5) for noise in left}
    assert len(levels) == 6
    spectrum = np.abs(np.fft.rfft(left[0]))
    peaks = [spectrum[int(hz * len(samples) / 16_000)] for hz in (3_000, 4_000, 5_000)]
    assert min(peaks) > 0.9 * max(peaks) > 50 * np.median(spectrum)
    with pytest.raises(ValueError, match="there are none"):
        send(samples, in_a_crowd, samples, "a")


def test_a_noisy_copy_is_the_same_again_and_another_of_another_clip():
    samples = babble(1.0)
    noisy = Copy("noise", noise_snr_db=(0.0, 30.0))
    one, again, other = (send(samples, noisy, samples, seed).data for seed in ("a", "a", "b"))
    assert one == again
    assert one != other
    assert one != send(samples, AS_IT_IS, samples, "a").data


@needs_speech
def test_the_command_trains_heads_that_the_server_loads(cache, tmp_path):
    speak_corpus(tmp_path / "corpora", actors=2, emotions=3)
    shutil.copytree(cache, tmp_path / "runs" / "heard")
    command = ["train", "--architecture", "pretrained", "--corpora", tmp_path / "corpora"]
    command += ["--runs", tmp_path / "runs", "--out", tmp_path / "models" / "pretrained"]
    done = CliRunner().invoke(main, list(map(str, command)))
    assert done.exit_code == 0, done.output
    model = ModelStore.load(tmp_path / "models", ("pretrained",))["pretrained"]
    assert model.card.longest_frames == 800
    assert model.card.training[0].speakers == 2
    assert [row.task for row in model.card.accuracy][:1] == ["emotion"]
    assert (tmp_path / "models" / "pretrained" / "report.md").exists()

    again = CliRunner().invoke(main, list(map(str, command)))
    assert again.exit_code == 0, again.output
    assert ModelStore.load(tmp_path / "models")["pretrained"].content == model.content


@pytest.mark.parametrize(
    ("flags", "why"),
    [(["--epochs", "3"], "has no epochs"), (["--no-teacher"], "is made of the two networks")],
)
def test_what_the_pretrained_model_has_not_is_refused(flags, why):
    done = CliRunner().invoke(main, ["train", "--architecture", "pretrained", *flags])
    assert done.exit_code == 2
    assert why in done.output
