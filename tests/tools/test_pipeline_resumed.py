"""A training run that was interrupted goes on from what is whole."""

import resource
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import pytest

if find_spec("keras") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab import pipeline
from intone_lab.folds import Split
from intone_lab.heads.settings import RefitSettings
from intone_lab.run_record import FINAL
from intone_lab.training import TrainSettings

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
    folder = pipeline.run_folder(tmp_path, [], settings)
    folder.mkdir()
    with no_file_longer_than(2_000), pytest.raises(OSError, match="too large"):
        pipeline._train_one([], tmp_path, settings, SPLIT)
    assert [path.name for path in folder.glob("final.*.tflite")] == ["final.int8.tflite"]

    done = pipeline._train_one([], tmp_path, settings, SPLIT)
    assert (len(done.int8), len(trained)) == (1_000, 2)
    assert (folder / "final.float32.tflite").stat().st_size == 4_000
    assert pipeline._train_one([], tmp_path, settings, SPLIT).seconds is None


@pytest.fixture
def trained(monkeypatch) -> list[str]:
    """What was done, in place of doing it; a model is a word, and kept as such."""
    done = []

    def train(_examples, settings, name, _lessons):
        assert settings.refit is None
        done.append(f"train {name}")
        return ["as trained"]

    def refit(model, _examples, _settings, how):
        done.append(f"refit {how.beginning}")
        model[:] = [f"heads of {how.beginning}"]

    def save(model, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(model[0])

    nothing = {"train_on_one_core": None, "multiply_exactly": None, "prepare": [], "_lessons": None}
    for name, value in nothing.items():
        monkeypatch.setattr(pipeline, name, lambda *_, value=value: value)
    monkeypatch.setattr(pipeline, "load_model", lambda path: [path.read_text()])
    for function in (train, refit):
        monkeypatch.setattr(pipeline, function.__name__, function)
    monkeypatch.setattr(pipeline, "save_model", save)
    return done


def test_another_refit_goes_on_from_the_same_trained_network(tmp_path, trained):
    settings = TrainSettings()
    other = replace(settings, refit=RefitSettings(beginning=0.5))
    for _ in range(2):
        assert pipeline._trained_model([], tmp_path, settings, SPLIT) == ["heads of 0.25"]
    assert pipeline._trained_model([], tmp_path, other, SPLIT) == ["heads of 0.5"]
    assert trained == ["train final", "refit 0.25", "refit 0.5"]
    # What was trained is still there as it was.
    without = replace(settings, refit=None)
    assert pipeline._trained_model([], tmp_path, without, SPLIT) == ["as trained"]
    assert len(trained) == 3
    assert len({pipeline.run_folder(tmp_path, [], s) for s in (settings, other, without)}) == 3
