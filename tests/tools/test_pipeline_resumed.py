"""A training run that was interrupted goes on from what is whole."""

import resource
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

if find_spec("keras") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab import pipeline, spent
from intone_lab.folds import Split
from intone_lab.heads.settings import RefitSettings
from intone_lab.run_record import FINAL
from intone_lab.training import FinishSettings, TrainSettings

SPLIT = Split(FINAL, (), ())


class Exports:
    """In an architecture's place: a float32 export is four times as long as an int8 one."""

    def to_tflite(self, _model, *, quantised: bool) -> bytes:
        return bytes(1_000 if quantised else 4_000)


@contextmanager
def no_file_longer_than(size_bytes: int):
    """A write beyond this fails with what comes before it on the disk, as on a full one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_export_that_was_cut_off_is_not_taken_for_a_whole_one(tmp_path, monkeypatch):
    settings = TrainSettings()
    trained = []
    monkeypatch.setattr(pipeline, "ARCHITECTURES", {settings.architecture: Exports()})
    monkeypatch.setattr(pipeline, "_trained_model", lambda *_: trained.append(1))
    monkeypatch.setattr(pipeline, "train_on_one_core", lambda: None)
    folder = pipeline.run_folder(tmp_path, [], settings)
    folder.mkdir()
    with no_file_longer_than(2_000), pytest.raises(OSError, match="too large"):
        pipeline._train_one([], tmp_path, settings, SPLIT)
    assert [path.name for path in folder.glob("final.*.tflite")] == ["final.int8.tflite"]

    done = pipeline._train_one([], tmp_path, settings, SPLIT)
    assert (len(done.int8), len(trained)) == (1_000, 2)
    assert (folder / "final.float32.tflite").stat().st_size == 4_000
    # Until it is logged, it is not forgotten what it took.
    assert pipeline._train_one([], tmp_path, settings, SPLIT).seconds == done.seconds
    spent.forget(folder, SPLIT.name)
    assert pipeline._train_one([], tmp_path, settings, SPLIT).seconds is None


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """What was done, in place of doing it; a model is a word, and kept as such."""
    done = []

    def train(_examples, settings, _name, _lessons):
        assert settings.refit is None
        assert settings.finish is None
        done.append("trained")
        return ["trained"]

    def finish(model, _examples, _settings, last, _name, _lessons):
        done.append(f"{last.epochs} more")
        model[0] += f", {last.epochs} more"

    def refit(model, examples, _settings, how):
        # What was trained on, and what is heard besides.
        assert examples == ["clip", how.beginning]
        done.append(f"heads {how.beginning}")
        model[0] += f", heads {how.beginning}"

    def save(model, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(model[0])

    monkeypatch.setattr(pipeline, "multiply_exactly", lambda: None)
    monkeypatch.setattr(pipeline, "load_model", lambda path: [path.read_text()])
    monkeypatch.setattr(pipeline, "save_model", save)
    for function in (train, finish, refit):
        monkeypatch.setattr(pipeline, function.__name__, function)
    return done


def test_another_finish_or_refit_goes_on_from_the_same_trained_network(tmp_path, trained):
    def made(settings):
        heard = SimpleNamespace(
            examples=["clip"], besides=lambda how: [how.beginning], lessons=None
        )
        return pipeline._trained_model([], tmp_path, settings, SPLIT, heard)[0]

    settings = TrainSettings()
    for _ in range(2):
        assert made(settings) == "trained, 15 more, heads 0.25"
    other_heads = replace(settings, refit=RefitSettings(beginning=0.5))
    assert made(other_heads) == "trained, 15 more, heads 0.5"
    longer = replace(settings, finish=FinishSettings(epochs=20))
    assert made(longer) == "trained, 20 more, heads 0.25"
    assert trained == ["trained", "15 more", "heads 0.25", "heads 0.5", "20 more", "heads 0.25"]
    # What was trained is still there as it was.
    assert made(replace(settings, refit=None)) == "trained, 15 more"
    assert made(replace(settings, finish=None, refit=None)) == "trained"
    assert made(replace(settings, finish=None)) == "trained, heads 0.25"
    assert len(trained) == 7
