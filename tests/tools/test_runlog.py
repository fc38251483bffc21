import csv
import subprocess
import sys

import pytest
from lab_clips import heard, make_clips

from intone_lab.catalogue import EMOTIONS, GENDERS
from intone_lab.evaluation import Listened
from intone_lab.runlog import append, current_commit, log_run


def rows_of(path):
    with path.open(newline="") as log:
        return list(csv.DictReader(log))


def test_columns_grow_and_nothing_is_lost(tmp_path):
    path = tmp_path / "runs" / "log.csv"
    append(path, {"split": "fold1", "uar": 0.5})
    append(path, {"split": "fold2", "note": 'a, "quoted"\nline', "uar": 0.6})
    append(path, {"uar": 0.7})
    assert rows_of(path) == [
        {"split": "fold1", "uar": "0.5", "note": ""},
        {"split": "fold2", "uar": "0.6", "note": 'a, "quoted"\nline'},
        {"split": "", "uar": "0.7", "note": ""},
    ]


WRITE = """
import sys
from pathlib import Path
from intone_lab.runlog import append
path, who = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    append(path, {"who": who, "n": n, f"{who}{n % 7}": n})
"""


def test_two_processes_write_at_once(tmp_path):
    path = tmp_path / "log.csv"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, path, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("a", "b", "c")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    rows = rows_of(path)
    # Each writer's rows are there, once, and in its order.
    for who in ("a", "b", "c"):
        own = [row for row in rows if row["who"] == who]
        assert [int(row["n"]) for row in own] == list(range(60))
        assert all(row[f"{who}{n % 7}"] == str(n) for n, row in enumerate(own))
    assert len(rows[0]) == 2 + 3 * 7


def test_a_run_s_row_says_what_made_it_and_what_came_of_it(tmp_path):
    clips = make_clips("ravdess", women=2, men=1) + make_clips("savee", women=0, men=2)
    said = [heard(clip, clip.emotion if clip.gender == "male" else "sad", "male") for clip in clips]
    listened = Listened(EMOTIONS, GENDERS, tuple(said))
    log_run(tmp_path, {"seed": 3, "batches.size": 64}, "fold1", listened, 12.34)
    (row,) = rows_of(tmp_path / "log.csv")
    assert (row["split"], row["seed"], row["batches.size"], row["seconds"]) == (
        ("fold1", "3", "64", "12.3")
    )
    assert row["time"].endswith("+00:00")
    assert float(row["savee.emotion.uar"]) == 1.0
    # Sad is right for all three, each other emotion for the man alone.
    assert float(row["ravdess.emotion.uar"]) == pytest.approx((1 + 7 / 3) / 8, abs=1e-4)
    assert float(row["ravdess.gender.accuracy"]) == pytest.approx(1 / 3, abs=1e-4)
    assert int(row["savee.clips"]) == 16


def test_the_commit_is_that_of_the_code(tmp_path):
    def git(*words):
        author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", tmp_path, *author, *words], check=True, capture_output=True)

    assert current_commit(tmp_path).sha == ""
    git("init")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-m", "one")
    clean = current_commit(tmp_path)
    assert len(clean.sha) == 40
    assert not clean.is_dirty
    (tmp_path / "code.py").write_text("2")
    assert current_commit(tmp_path).is_dirty
