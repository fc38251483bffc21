"""``intone-lab train`` from a folder of sound files to a model that is served."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from lab_clips import speak, speak_corpus

from intone.models import load_model

if find_spec("tensorflow") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)
if shutil.which("espeak-ng") is None:
    pytest.skip("espeak-ng is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """Ten synthetic actors in eight emotions, named as RAVDESS names them."""
    root = tmp_path_factory.mktemp("corpora")
    speak_corpus(root, actors=10)
    (root / "Actor_01" / "03-01-01-01-02-01-01.wav").write_bytes(b"no sound")
    return root


def train(corpora: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run_train(folder, "--corpora", corpora, "--epochs", "1")


def run_train(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "intone_lab", "train", *arguments]
    command += ["--out", folder / "tiny", "--runs", folder / "runs"]
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
    assert [row.clips for row in model.card.training] == [80]
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


def test_own_recordings_are_taken_and_what_cannot_be_trained_on_is_refused(tmp_path):
    speak(tmp_path / "a.wav", pitch=50, speed=150)
    table = tmp_path / "mine.csv"
    rows = "path,emotion,gender,speaker\na.wav,happy,female,Ann\n"
    table.write_text(rows, encoding="utf-8")
    alone = run_train(tmp_path, "--table", table)
    assert alone.returncode == 1
    assert alone.stdout == "1 clips of mine\n"
    assert "there is no clip of ravdess" in alone.stderr
    table.write_text(rows.replace("happy", "merry"), encoding="utf-8")
    wrong = run_train(tmp_path, "--table", table)
    assert wrong.returncode == 1
    assert "line 2, column emotion: 'merry'" in wrong.stderr
    assert run_train(tmp_path).returncode == 2
