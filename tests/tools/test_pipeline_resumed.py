"""A training run that was interrupted goes on from what is whole."""

import resource
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

if find_spec("keras") is None:
    pytest.skip("the lab's extra is not installed", allow_module_level=True)

from intone_lab import pipeline
from intone_lab.folds import Split
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
