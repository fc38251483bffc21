"""``intone-lab corpora``: what is there in words and in JSON; findings do not stop it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from intone_lab.cli import main

RATE_HZ = 16_000


@pytest.fixture
def root(tmp_path):
    names = ["Actor_01/03-01-03-01-01-01-01.wav", "Actor_02/03-01-04-01-01-01-02.wav", "rain.wav"]
    for number, name in enumerate(names):
        path = tmp_path / "corpora" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pitch = 2 * np.pi * (200 + number) / RATE_HZ
        soundfile.write(path, 0.3 * np.sin(pitch * np.arange(RATE_HZ)), RATE_HZ)
    return tmp_path / "corpora"


@pytest.fixture
def table(root):
    path = root / "mine.csv"
    path.write_text("path,emotion,gender,speaker\nrain.wav,calm,,Ann\n", encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["corpora", *map(str, arguments)])


def test_the_table_counts_and_the_last_line_sums_up(root):
    done = run(root)
    assert done.exit_code == 0, done.output
    assert "1 female, 1 male" in done.stdout
    assert "1 happy, 1 sad" in done.stdout
    assert "rain.wav: its name is of no corpus known here" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last == "2 clips of 1 corpus, 0.00 hours; findings: 1 foreign"


def test_own_recordings_are_counted_with_the_others_or_alone(root, table):
    done = run(root, "--table", table)
    assert done.stdout.splitlines()[-1] == "3 clips of 2 corpora, 0.00 hours; findings: none"
    alone = run("--table", table)
    assert alone.exit_code == 0
    assert alone.stdout.splitlines()[-1] == "1 clips of 1 corpus, 0.00 hours; findings: none"


def test_json_has_everything(root, table):
    (root / "Actor_02" / "03-01-05-01-01-01-02.wav").write_bytes(b"")
    said = json.loads(run(root, "--table", table, "--json").stdout)
    ravdess, mine = said["corpora"]
    assert ravdess["name"] == "ravdess"
    assert ravdess["clips"] == 3
    assert ravdess["speakers"] == {"female": 1, "male": 1}
    assert ravdess["emotions"] == {"happy": 1, "sad": 1, "angry": 1}
    assert ravdess["sample_rates_hz"] == {"16000": 2}
    assert ravdess["hours"] == pytest.approx(2 / 3_600, abs=1e-4)
    assert mine["licence"] == "as its owner says"
    assert mine["speakers"] == {"none": 1}
    assert [finding["problem"] for finding in said["findings"]] == ["unreadable"]


def test_strict_tells_by_the_exit_code(root, table):
    assert run(root, "--strict").exit_code == 1
    assert run(root, "--table", table, "--strict").exit_code == 0


def test_many_findings_are_cut_short_unless_all_are_asked_for(root):
    for number in range(8):
        (root / f"noise{number}.wav").write_bytes(b"")
    assert "… and 4 more" in run(root).stdout
    everything = run(root, "--all").stdout
    assert "more" not in everything
    assert "noise7.wav" in everything


def test_what_cannot_be_surveyed_is_refused_in_a_sentence(root, tmp_path):
    assert run().exit_code == 2
    assert "give a folder of corpora, a --table, or both" in run().stderr
    (tmp_path / "empty").mkdir()
    nothing = run(tmp_path / "empty")
    assert (nothing.exit_code, nothing.stderr.startswith("Error: no clips of any")) == (1, True)
    table = root / "bad.csv"
    table.write_text("path,emotion,gender,speaker\nrain.wav,joyful,,Ann\n", encoding="utf-8")
    bad = run("--table", table)
    assert bad.exit_code == 1
    assert "bad.csv:\n  line 2, column emotion: 'joyful'" in bad.stderr


# --- the recordings themselves, where they are --------------------------------------------


def test_the_recording_that_ravdess_published_twice_is_found(corpora_root):
    said = json.loads(run(corpora_root / "ravdess" / "Actor_07", "--json").stdout)
    (finding,) = said["findings"]
    assert finding["problem"] == "duplicate"
    assert finding["detail"] == "ravdess/03-01-03-01-02-01-07, ravdess/03-01-03-01-02-02-07"


def test_a_file_whose_name_is_no_text_is_named(root):
    odd = os.fsencode(root) + b"/caf\xe9.wav"
    Path(os.fsdecode(odd)).write_bytes((root / "rain.wav").read_bytes())
    command = [sys.executable, "-m", "intone_lab", "corpora", root]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, env=strict, check=False)
    assert done.returncode == 0, done.stderr
    assert rb"caf\udce9.wav" in done.stdout
