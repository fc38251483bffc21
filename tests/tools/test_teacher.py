"""The large network that a small one learns from: fetching it, hearing it, asking for it."""

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lab_clips import fetch_teachers, make_clips, make_examples, speak, speak_corpus

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

import keras
import librosa

from intone_lab.architectures import ARCHITECTURES
from intone_lab.augment import AugmentSettings
from intone_lab.batches import Batches, BatchSettings
from intone_lab.cli import main
from intone_lab.copies import COPIES
from intone_lab.corpora import find_clips
from intone_lab.dataset import prepare
from intone_lab.epochs import run_epoch
from intone_lab.teacher import heads, voices
from intone_lab.teacher.encoder import PIECE_SAMPLES, SOURCES, WIDTH, Encoder
from intone_lab.teacher.heard import hear_all
from intone_lab.teacher.lessons import Lessons, Row, TeacherSettings
from intone_lab.teacher.source import TeacherError, fetched
from intone_lab.teacher.voices import Voices
from intone_lab.training import TrainSettings, train

FEW = TeacherSettings(components=12)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def fetched_once(tmp_path_factory) -> Path:
    """The folder of the teachers' files."""
    return fetch_teachers(tmp_path_factory.mktemp("teachers"))


def without_an_index(monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.mark.parametrize("source", SOURCES)
def test_a_teacher_that_cannot_be_fetched_is_said(tmp_path, monkeypatch, source):
    without_an_index(monkeypatch)
    with pytest.raises(TeacherError, match=f"{source.package}, which could not be fetched"):
        fetched(source, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_command_says_so_with_the_way_out(tmp_path, monkeypatch):
    without_an_index(monkeypatch)
    speak_corpus(tmp_path / "corpora", actors=2, emotions=2)
    where = ["--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    command = ["train", "--corpora", tmp_path / "corpora", "--epochs", "1", *where]
    done = CliRunner().invoke(main, list(map(str, command)))
    assert done.exit_code == 1
    assert "--no-teacher trains without" in done.output
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(
        main, [*map(str, command[:3]), "--architecture", "pretrained", *map(str, where)]
    )
    assert done.exit_code == 1
    assert "which could not be fetched" in done.output
    assert "--no-teacher" not in done.output
    command = ["reproduce", "ravdess-cnn-bigru", "--corpora", tmp_path / "corpora", *where[:2]]
    done = CliRunner().invoke(main, list(map(str, command)))
    assert done.exit_code == 1
    assert "--no-teacher trains without" in done.output


def test_frames_come_every_40_ms_and_a_piece_knows_nothing_of_the_next(fetched_once):
    encoder = Encoder(fetched_once)
    rng = np.random.default_rng(0)
    long = rng.normal(0, 0.1, PIECE_SAMPLES + 6_400).astype("f4")
    heard = encoder(long)
    assert heard.shape == (210, WIDTH)
    np.testing.assert_array_equal(heard[:200], encoder(long[:PIECE_SAMPLES]))
    assert np.isfinite(heard).all()
    assert encoder(long[:639]).shape == (0, WIDTH)


def test_loudness_is_nothing_to_the_teacher(fetched_once):
    encoder = Encoder(fetched_once)
    tone = np.sin(np.arange(32_000) * 0.1).astype("f4") * np.hanning(32_000).astype("f4")
    loud, soft = encoder(tone), encoder(0.1 * tone)
    assert np.abs(loud.astype("f4") - soft).mean() < 0.1 * loud.astype("f4").std()


def test_the_voices_lstm_is_pytorchs(fetched_once):
    """Its first step, by the equations that PyTorch documents, from the same weights."""
    flat = np.fromfile(fetched(voices.SOURCE, fetched_once), "<f4", offset=269_883, count=1_357_824)
    samples = np.random.default_rng(0).normal(0, 0.05, 16_000).astype("f4")
    heard = Voices(fetched(voices.SOURCE, fetched_once))(samples)
    assert heard.shape == (100, voices.WIDTH)

    loud = samples * 10**-1.5 / np.sqrt(np.mean(samples.astype("f8") ** 2))
    mel = librosa.feature.melspectrogram(y=loud, sr=16_000, n_fft=400, hop_length=160, n_mels=40)
    matrices, biases, at = [], [], 0
    for width in (40, 256, 256, 256, 256, 256):
        matrices.append(flat[at : at + 1024 * width].reshape(1024, width).astype("f8"))
        at += 1024 * width
    biases = flat[at:].reshape(3, 2, 1024).astype("f8").sum(axis=1)
    given = mel[:, 0].astype("f8")
    for layer in range(3):
        took_in, _, cell, put_out = np.split(matrices[2 * layer] @ given + biases[layer], 4)
        given = sigmoid(put_out) * np.tanh(sigmoid(took_in) * np.tanh(cell))
    np.testing.assert_allclose(heard[0, 256:], given, atol=1e-5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_the_teacher_hears_the_utterances_that_the_network_hears(fetched_once, tmp_path):
    """The same length in every copy; and what was heard once is not heard again."""
    speak_corpus(tmp_path / "corpora", actors=2, emotions=1)
    speak(tmp_path / "corpora" / "Actor_01" / "03-01-02-01-01-01-01.wav", pitch=40, speed=100)
    clips = sorted(find_clips(tmp_path / "corpora"), key=lambda clip: clip.key)
    # Of TESS, here the one in the middle, the clip as it is alone.
    clips[1] = replace(clips[1], corpus="tess")
    cache = tmp_path / "cache"
    shutil.copytree(fetched_once, cache)
    taught = hear_all(clips, COPIES, cache)
    examples = prepare(clips, COPIES, cache)
    lengths = {
        e.copy_key: len(e.longest) // 4
        for e in examples
        if e.longest is not None and (e.clip.corpus != "tess" or e.is_plain)
    }
    assert {key: len(frames) for key, frames in taught.items()} == lengths
    assert len(lengths) == 2 * len(COPIES) + 1

    for file in fetched_once.iterdir():
        (cache / file.name).unlink()
    again = hear_all(clips, COPIES, cache)
    for key, frames in taught.items():
        np.testing.assert_array_equal(again[key], frames)


NARROW = 100
"""Numbers a frame: the directions of the teacher's own 1,664 take ten seconds to find."""


def frames_of(examples, coefficients: int = 40) -> dict:
    """Frames that say what the first so many features say."""
    mixed = np.random.default_rng(3).standard_normal((coefficients, NARROW)).astype("f4")

    def frames(features):
        steps = features[:, :coefficients].reshape(-1, 4, coefficients).mean(axis=1)
        return (steps @ mixed).astype("f2")

    return {(e.clip.key, e.copy): frames(e.longest) for e in examples}


def keys_of(examples) -> list:
    return [example.copy_key for example in examples]


@pytest.fixture(scope="module")
def examples():
    return make_examples(make_clips("ravdess", 2, 2, takes=3))


def test_a_lesson_is_late_by_the_delay_and_its_statistics_are_those_of_the_crop(examples):
    prompt = Lessons(frames_of(examples), keys_of(examples), replace(FEW, delay_steps=0))
    late = Lessons(frames_of(examples), keys_of(examples), replace(FEW, delay_steps=3))
    row = Row(examples[0], 16, 80)
    now, then = prompt.of(row), late.of(row)
    assert now.frames.shape == (20, 12)
    assert now.statistics.shape == (20, 24)
    np.testing.assert_array_equal(then.frames[3:], now.frames[:-3])
    np.testing.assert_array_equal(then.statistics[3:], now.statistics[:-3])

    # Of another crop that ends with the same frames the statistics are others.
    whole = prompt.of(Row(examples[0], 0, 96))
    np.testing.assert_allclose(whole.frames[4:], now.frames, atol=1e-6)
    assert np.abs(whole.statistics[-1] - now.statistics[-1]).max() > 1e-3


def test_lessons_have_a_scale_that_does_not_depend_on_the_teachers(examples):
    loud = {key: 100 * frames.astype("f4") for key, frames in frames_of(examples).items()}
    for taught in (frames_of(examples), loud):
        lessons = Lessons(taught, keys_of(examples), FEW)
        given = [lessons.of(Row(e, 0, len(e.longest))) for e in examples]
        frames = np.concatenate([lesson.frames for lesson in given])
        ends = np.stack([lesson.statistics[-1] for lesson in given])
        assert np.square(frames).mean() == pytest.approx(1.0, abs=0.1)
        assert np.square(ends[:, :12]).mean() == pytest.approx(1.0, abs=0.3)
        assert np.square(ends[:, 12:]).mean() == pytest.approx(1.0, abs=0.3)


def test_nobody_who_is_held_out_decides_what_is_asked(examples):
    """The lessons of some are the same, whatever the teacher heard in others."""
    some, others = examples[:48], examples[48:]
    taught = frames_of(examples)
    spoilt = {**taught, **{(e.clip.key, e.copy): 9 * taught[e.clip.key, e.copy] for e in others}}
    row = Row(some[5], 0, 64)
    one, other = (
        Lessons(taught, keys_of(some), FEW).of(row),
        Lessons(spoilt, keys_of(some), FEW).of(row),
    )
    np.testing.assert_array_equal(one.statistics, other.statistics)


def test_the_lesson_of_an_utterance_is_that_of_all_its_frames(examples):
    taught = frames_of(examples)
    taught[examples[1].copy_key] = taught[examples[1].copy_key][:7]
    lessons = Lessons(taught, keys_of(examples), replace(FEW, delay_steps=0))
    whole = lessons.of(Row(examples[0], 0, len(examples[0].longest)))
    np.testing.assert_array_equal(lessons.of_utterance(examples[0].copy_key), whole.statistics[-1])
    assert lessons.of_utterance(examples[1].copy_key) is None, "too short"
    assert lessons.of_utterance(("nobody", "as it is")) is None


def test_what_the_teacher_did_not_hear_counts_for_nothing(examples):
    taught = frames_of(examples)
    silent = examples[0]
    del taught[silent.clip.key, silent.copy]
    lessons = Lessons(taught, keys_of(examples), FEW)
    assert lessons.of(Row(silent, 0, 64)) is None
    assert lessons.of(Row(examples[1], 0, 32)) is None, "too short"
    weights = np.ones((2, 64), "f4")
    asked, counts = lessons.of_rows([Row(silent, 0, 64), Row(examples[1], 0, 64)], weights)
    for name in (heads.FRAME, heads.UTTERANCE):
        assert not asked[name][0].any()
        assert not counts[name][0].any()
        assert not counts[name][1, 16:].any()
    # A mean over rows and steps is one over the steps that are there.
    assert counts[heads.FRAME].mean() == pytest.approx(1.0)
    assert not counts[heads.UTTERANCE][1, :8].any()
    with pytest.raises(ValueError, match="heard nothing"):
        Lessons({}, keys_of(examples), FEW)


SHORT = BatchSettings(size=16, frames=128)


def batches(examples, architecture, lessons) -> Batches:
    return Batches(examples, architecture, SHORT, AugmentSettings(), 1, lessons)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_network_can_be_taught_and_is_itself_afterwards(name, examples):
    architecture = ARCHITECTURES[name]
    examples = [e for e in examples if e.clip.emotion in architecture.emotions]
    lessons = Lessons(frames_of(examples), keys_of(examples), FEW)
    inputs, asked, counts = next(batches(examples, architecture, lessons).draw_epoch())
    answers = architecture.answers(128)
    names = {heads.UTTERANCE, heads.FRAME} if architecture.is_streaming else {heads.UTTERANCE}
    assert set(asked) == set(counts) == {"emotion", "gender", *names}
    assert asked[heads.UTTERANCE].shape == (16, answers, 24)

    width = architecture.features.width
    model = architecture.build(
        len(architecture.emotions), 2, np.zeros(width, "f4"), np.ones(width, "f4"), 0.1
    )
    taught = heads.add(model, FEW.components)
    said = taught.predict_on_batch(inputs)
    assert {name: said[name].shape for name in asked} == {n: asked[n].shape for n in asked}
    np.testing.assert_allclose(said["emotion"], model.predict_on_batch(inputs)["emotion"])

    settings = TrainSettings(name, epochs=1, batches=SHORT, teacher=FEW)
    trained = train(examples, settings, "taught", lessons)
    assert set(trained.output) == {"emotion", "gender"}


def test_what_the_teacher_heard_is_learnt_from_the_features(examples):
    architecture = ARCHITECTURES["gru"]
    lessons = Lessons(frames_of(examples, 6), keys_of(examples), replace(FEW, components=6))
    quiet = AugmentSettings(gain_db=0, tilt_db=0, noise_probability=0, time_masks=0, band_masks=0)
    keras.utils.set_random_seed(1)
    drawn = Batches(examples, architecture, SHORT, quiet, 1, lessons)
    model = heads.add(architecture.build(8, 2, drawn.mean, drawn.std, 0.0), 6)
    lessons_of = (heads.UTTERANCE, heads.FRAME)
    losses = dict.fromkeys(("emotion", "gender"), keras.losses.CategoricalCrossentropy(True))
    losses |= dict.fromkeys(lessons_of, keras.losses.MeanSquaredError())
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=losses)
    inputs, asked, counts = next(drawn.draw_epoch())
    before = squared_errors(model, inputs, asked, counts)
    for _ in range(25):
        run_epoch(model, drawn.draw_epoch())
    after = squared_errors(model, inputs, asked, counts)
    for name in lessons_of:
        assert after[name] < 0.8 * before[name]


def squared_errors(model, inputs, asked, counts) -> dict[str, float]:
    said = model.predict_on_batch(inputs)
    errors = {name: np.square(said[name] - asked[name]).mean(axis=2) for name in asked}
    return {name: np.average(errors[name], weights=counts[name]) for name in asked}
