"""``intone-lab train`` from a folder of sound files to a model that is served."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_clips import speak, speak_corpus

from intone.models import load_model
from intone_lab.cli import main

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)
if shutil.which("espeak-ng") is None:
    pytest.skip("espeak-ng is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """Three synthetic actors in eight emotions, named as RAVDESS names them: three folds."""
    root = tmp_path_factory.mktemp("corpora")
    speak_corpus(root, actors=3)
    (root / "Actor_01" / "03-01-01-01-02-01-01.wav").write_bytes(b"no sound")
    return root


def train(corpora: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_train(folder, "--corpora", corpora, "--epochs", "1")


def run_train(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "intone_lab", "train", *arguments]
    command += ["--out", folder / "tiny", "--runs", folder / "runs", "--no-teacher"]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_a_folder_of_speech_becomes_a_model_that_is_served(corpora, tmp_path):
    done = train(corpora, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1" in done.stdout
    assert "left out: " in done.stderr
    assert "03-01-01-01-02-01-01.wav cannot be read" in done.stderr
    model = load_model(tmp_path / "tiny")
    model.new_recogniser()
    protocols = {(row.corpus, row.protocol) for row in model.card.accuracy}
    assert len(protocols) == 2
    assert [row.clips for row in model.card.training] == [24]
    report = (tmp_path / "tiny" / "report.md").read_text()
    assert "largest gap in probability" in report
    assert (tmp_path / "tiny" / "confusion-ravdess.png").stat().st_size > 10_000

    # A second run finds every split trained, and comes to the same.
    again = train(corpora, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "epoch" not in again.stdout
    assert load_model(tmp_path / "tiny").card.accuracy == model.card.accuracy
    settings = next((tmp_path / "runs").glob("*/settings.json"))
    assert json.loads(settings.read_text())["epochs"] == 1


def test_a_folder_without_speech_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    done = train(tmp_path / "empty", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no clips")


HEADER = "path,emotion,gender,speaker"


def test_own_recordings_alone_become_a_model_with_as_many_folds_as_speakers(tmp_path):
    """Of so few clips that there is no random split."""
    rows = [HEADER]
    for pitch, speaker in enumerate(("Ann", "Bea")):
        for speed, emotion in enumerate(("happy", "sad")):
            name = f"{speaker}-{speed}.wav"
            speak(tmp_path / name, pitch=20 + 30 * pitch, speed=120 + 20 * speed)
            # Nobody says who is a woman.
            rows.append(f"{name},{emotion},,{speaker}")
    (tmp_path / "mine.csv").write_text("\n".join(rows), encoding="utf-8")
    done = run_train(
        tmp_path, "--table", tmp_path / "mine.csv", "--architecture", "cnn", "--epochs", "1"
    )
    assert done.returncode == 0, done.stderr
    card = load_model(tmp_path / "tiny").card
    assert [(row.corpus, row.speakers, row.clips) for row in card.training] == [("mine", 2, 4)]
    told = {(row.corpus, row.protocol, row.task, row.metric) for row in card.accuracy}
    folds = ("mine", "2 folds by speaker", "emotion")
    assert told == {(*folds, metric) for metric in ("uar", "accuracy", "ece")}
    # What nothing taught is never believed: both genders are as likely.
    assert (card.gender_calibration.temperature, card.gender_calibration.threshold) == (1.0, 1.0)
    report = (tmp_path / "tiny" / "report.md").read_text()
    assert "2 folds by speaker: voices never heard" in report
    assert "where settings were chosen" not in report


@pytest.mark.parametrize(
    ("clips", "reason"),
    [
        (["merry,female,Ann"], "line 2, column emotion: 'merry'"),
        ([",female,Ann"], "two emotions are needed at least, and there are none"),
        (["sad,female,Ann", "sad,female,Bea"], "and all that there are, are sad"),
        (["sad,female,Ann", "happy,female,Ann"], "two speakers of one corpus are needed at least"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_anything_is_trained(tmp_path, clips, reason):
    rows = [HEADER]
    for index, labels in enumerate(clips):
        speak(tmp_path / f"{index}.wav", pitch=50, speed=150)
        rows.append(f"{index}.wav,{labels}")
    (tmp_path / "mine.csv").write_text("\n".join(rows), encoding="utf-8")
    done = run_train(tmp_path, "--table", tmp_path / "mine.csv")
    assert done.returncode == 1
    assert reason in done.stderr
    assert not (tmp_path / "tiny").exists()


def test_without_any_speech_the_command_says_what_it_wants(tmp_path):
    assert run_train(tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--seed", "-1"), "-1 is not in the range"),
        (("--out", "/proc/nowhere"), "cannot write into /proc/nowhere"),
        (("--runs", "/dev/null/runs"), "cannot write into /dev/null/runs"),
    ],
)
def test_what_would_fail_after_hours_is_refused_at_once(corpora, tmp_path, flags, words):
    command = ["train", "--corpora", corpora, "--runs", tmp_path / "runs", *flags]
    done = CliRunner().invoke(main, list(map(str, command)))
    assert isinstance(done.exception, SystemExit)
    assert words in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["nope", "jax"])
def test_a_backend_that_is_not_there_is_refused_by_name(corpora, tmp_path, monkeypatch, backend):
    if find_spec(backend) is not None:
        pytest.skip(f"{backend} is installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    out = str(tmp_path / "out")
    done = CliRunner().invoke(main, ["train", "--corpora", str(corpora), "--out", out])
    assert isinstance(done.exception, SystemExit)
    assert f"KERAS_BACKEND is {backend!r}" in done.output
