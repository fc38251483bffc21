"""``intone-lab evaluate`` on synthetic actors and models of random weights."""

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import msgspec
import pytest
from click.testing import CliRunner
from lab_clips import speak_corpus

from intone.core.card import write_card
from intone.models import ModelStore, load_model
from intone_lab.catalogue import CorpusError
from intone_lab.cli import main
from intone_lab.corpora import find_clips
from intone_lab.folds import Split, by_speaker
from intone_lab.measuring import keep_gap, strangers
from intone_lab.run_record import FINAL, Run, find_run, record

if find_spec("matplotlib") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)
if shutil.which("espeak-ng") is None:
    pytest.skip("espeak-ng is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    speak_corpus(root, actors=10, emotions=3)
    return root


@pytest.fixture(scope="module")
def clips(corpora):
    return find_clips(corpora)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The shipped model in a folder of its own; its card names no corpus."""
    shipped = ModelStore.load()["gru"]
    folder = tmp_path_factory.mktemp("models") / "gru"
    folder.mkdir()
    card = msgspec.structs.replace(shipped.card, training=())
    (folder / "card.json").write_bytes(write_card(card))
    (folder / card.file).write_bytes(shipped.content)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, clips, model):
    """A run with a split a fold, each "trained" to the shipped file; actor 10 in none."""
    folder = tmp_path_factory.mktemp("runs") / "0123456789ab"
    folder.mkdir()
    own = [clip for clip in clips if not clip.speaker.endswith("10")]
    splits = (*by_speaker(own, 1), Split(FINAL, tuple(own), ()))
    content = (model / "model.tflite").read_bytes()
    for split in splits:
        for weights in ("int8", "float32"):
            (folder / f"{split.name}.{weights}.tflite").write_bytes(content)
    run = Run(folder, splits)
    record(run)
    keep_gap(run, 2.5e-7)
    (folder / "settings.json").write_text('{"seed": 1}')
    return folder.parent


def evaluate(*words):
    command = [sys.executable, "-m", "intone_lab", "evaluate", *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


def test_a_run_is_found_by_what_it_made_and_knows_who_was_held_out(runs, clips, model):
    sha256 = hashlib.sha256((model / "model.tflite").read_bytes()).hexdigest()
    run = find_run(runs, sha256, clips)
    assert find_run(runs, "0" * 64, clips) is None
    tested = [clip for split in run.splits if split.name != FINAL for clip in split.test]
    assert sorted(clip.key for clip in tested) == sorted(c.key for c in run.split(FINAL).train)
    for split in run.splits:
        assert not {c.speaker for c in split.train} & {c.speaker for c in split.test}
    assert run.missing == 0
    assert find_run(runs, sha256, clips[5:]).missing == 5


def test_who_was_trained_on_is_known_without_their_clips(runs, clips, model):
    sha256 = hashlib.sha256((model / "model.tflite").read_bytes()).hexdigest()
    one, tenth = clips[0].speaker, clips[-1].speaker
    others = [clip for clip in clips if clip.speaker != one]
    run = find_run(runs, sha256, others)
    assert run.trained_speakers == {clip.speaker for clip in clips} - {tenth}
    assert run.lost_corpora == {"ravdess"}
    shipped = load_model(model)
    assert {clip.speaker for clip in strangers(clips, shipped, run)} == {tenth}


def test_recordings_that_were_trained_on_and_renamed_are_no_strangers(tmp_path, clips, model):
    own = [replace(c, corpus="mine", speaker=f"mine/{c.speaker}") for c in clips]
    folder = tmp_path / "run"
    folder.mkdir()
    content = (model / "model.tflite").read_bytes()
    (folder / f"{FINAL}.int8.tflite").write_bytes(content)
    record(Run(folder, (Split(FINAL, tuple(own), ()),)))
    sha256 = hashlib.sha256(content).hexdigest()
    shipped = load_model(model)
    renamed = [replace(c, corpus="calls", speaker=c.speaker.replace("mine", "calls")) for c in own]
    with pytest.raises(CorpusError, match="trained on clips of mine"):
        strangers(renamed, shipped, find_run(tmp_path, sha256, renamed))
    # A published corpus is known by its names: it cannot be the same.
    assert strangers(clips, shipped, find_run(tmp_path, sha256, clips)) == list(clips)
    both = [*own, *renamed]
    assert strangers(both, shipped, find_run(tmp_path, sha256, both)) == renamed


def test_a_model_and_its_run_become_a_report(model, runs, corpora, tmp_path):
    words = (model, "--corpora", corpora, "--runs", runs, "--out", tmp_path, "--jobs", "1")
    words += ("--condition", "telephone", "--condition", "babble 10 dB")
    words += ("--python", tmp_path / "no-python")
    done = evaluate(*words)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "report.json").read_text())
    lines = {(f["protocol"], f["corpus"], f["condition"], f["weights"]) for f in found["figures"]}
    folds, strange = "5 folds by speaker", "a corpus never trained on"
    assert lines == {
        (folds, "ravdess", "clean", "int8"),
        (folds, "ravdess", "telephone", "int8"),
        (folds, "ravdess", "babble 10 dB", "int8"),
        (folds, "ravdess", "clean", "float32"),
        (strange, "ravdess", "clean", "int8"),
        (strange, "ravdess", "telephone", "int8"),
        (strange, "ravdess", "babble 10 dB", "int8"),
    }
    by_protocol = {f["protocol"]: f["speakers"] for f in found["figures"]}
    # Nine actors over the folds; the tenth, whom nothing was trained on, by the file itself.
    assert by_protocol == {folds: 9, strange: 1}
    assert found["stream_gap"] == 2.5e-7
    assert {(s["weights"], s["batch"]) for s in found["speeds"]} == {
        (weights, batch) for weights in ("int8", "float32") for batch in (1, 8, 32)
    }
    assert "no-python" in found["not_timed"][0]
    assert str(tmp_path) not in found["not_timed"][0]
    assert '"seed": 1' in (tmp_path / "report.md").read_text()

    # What was heard is kept: the same report comes of it again.
    kept = {path: path.stat().st_mtime_ns for path in (runs / "listened").iterdir()}
    # A file a fold and condition, and three of the stranger; float32 is the same file here.
    assert len(kept) == 5 * 3 + 3
    again = evaluate(*words)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in (runs / "listened").iterdir()} == kept
    assert json.loads((tmp_path / "report.json").read_text())["figures"] == found["figures"]


def test_without_a_run_only_strangers_are_heard_and_the_report_says_so(model, corpora, tmp_path):
    few = tmp_path / "few"
    shutil.copytree(corpora / "Actor_01", few / "Actor_01")
    shutil.copytree(corpora / "Actor_02", few / "Actor_02")
    done = evaluate(
        *(model, "--corpora", few, "--out", tmp_path / "out", "--condition", "telephone"),
        *("--jobs", "1"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {f["protocol"] for f in found["figures"]} == {"a corpus never trained on"}
    assert {s["weights"] for s in found["speeds"]} == {"int8"}
    assert "was not given" in (tmp_path / "out" / "report.md").read_text()


def test_what_cannot_be_measured_is_refused_in_a_sentence(model, corpora, tmp_path):
    (tmp_path / "empty").mkdir()
    shipped = ModelStore.load()["gru"].folder
    for words, sentence in (
        ((model, "--corpora", tmp_path / "empty"), "no clips"),
        ((tmp_path / "empty", "--corpora", corpora), "card.json"),
        ((model, "--corpora", corpora, "--runs", tmp_path / "empty"), "no run under"),
        ((model, "--corpora", corpora, "--condition", "loud"), "no condition 'loud'"),
        # The shipped card names RAVDESS.
        ((shipped, "--corpora", corpora), "every corpus there was trained on"),
    ):
        done = CliRunner().invoke(main, ["evaluate", *map(str, words)])
        # A traceback would be exit code 1 with another exception.
        assert isinstance(done.exception, SystemExit)
        assert done.exit_code != 0
        assert sentence in done.output
