"""What is kept between runs is another's as soon as the code that made it is."""

import shutil

import pytest

from intone_lab import code_version as module
from intone_lab.code_version import ANSWERING, HEARING, LARGE, TEACHING, code_version


@pytest.fixture
def lab(tmp_path, monkeypatch):
    folder = tmp_path / "intone_lab"
    shutil.copytree(module._LAB, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_LAB", folder)
    return folder


def version(modules):
    return code_version.__wrapped__(modules)


@pytest.mark.parametrize(
    ("edited", "noticed"),
    [
        ("copies", {HEARING, TEACHING, LARGE, ANSWERING}),
        ("named_random", {HEARING, TEACHING, LARGE, ANSWERING}),
        ("teacher/encoder", {TEACHING, LARGE}),
        ("pretrained/settings", {LARGE}),
        ("evaluation", {ANSWERING}),
        ("report/pictures", set()),
    ],
)
def test_code_is_noticed_by_what_it_makes(lab, edited, noticed):
    parts = {HEARING, TEACHING, LARGE, ANSWERING}
    before = {part: version(part) for part in parts}
    path = lab / f"{edited}.py"
    path.write_text(path.read_text() + "\nsomething = 1\n")
    assert {part for part in parts if version(part) != before[part]} == noticed


def test_the_core_is_noticed(tmp_path, monkeypatch):
    before = version(HEARING)
    folder = tmp_path / "intone"
    shutil.copytree(
        module._SERVER, folder, ignore=shutil.ignore_patterns("__pycache__", "_models", "_page")
    )
    monkeypatch.setattr(module, "_SERVER", folder)
    assert version(HEARING) == before
    path = folder / "core" / "segmenter.py"
    path.write_text(path.read_text() + "\nsomething = 1\n")
    assert version(HEARING) != before


def test_words_are_not(lab):
    before = version(HEARING)
    path = lab / "copies.py"
    said = path.read_text()
    assert "TAUGHT = " in said
    path.write_text(said.replace("TAUGHT = ", '# Why.\n"""More."""\nTAUGHT = ', 1))
    assert version(HEARING) == before
