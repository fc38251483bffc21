"""``intone-lab download``: what it says, asks and ends with."""

import hashlib
from dataclasses import replace

import pytest
from click.testing import CliRunner

from intone_lab.catalogue import CORPORA
from intone_lab.cli import main

pytest.importorskip("pooch", reason="the lab's extra is not installed")

from corpus_archive import CONTENT, ZIP, archive_at

from intone_lab.download import sources
from intone_lab.download.sources import SOURCES, ByHand


def run(*arguments, **kwargs):
    return CliRunner().invoke(main, ["download", *map(str, arguments)], **kwargs)


@pytest.fixture
def at_home(home, monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", {**SOURCES, "ravdess": archive_at(home)})
    return home


def test_the_command_states_size_and_licence_and_asks(at_home, tmp_path):
    done = run("ravdess", "--to", tmp_path, input="n\n")
    assert done.exit_code == 1
    assert "CC BY-NC-SA 4.0" in done.stdout
    assert "about 1 MB" in done.stdout
    assert at_home.asked == []
    done = run("ravdess", "--to", tmp_path, input="y\n")
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'ravdess'}: 3 clips of 3 speakers" in done.stdout
    again = run("ravdess", "--to", tmp_path, "--yes")
    assert "nothing to do: all 3 files" in again.stdout


def test_the_command_tells_what_is_unchecked_and_what_lacks(at_home, tmp_path, monkeypatch):
    lesser = replace(archive_at(at_home, checksum=None), clips=4)
    monkeypatch.setattr(sources, "SOURCES", {"ravdess": lesser})
    done = run("ravdess", "--to", tmp_path, "--yes")
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(CONTENT).hexdigest() in done.stdout
    assert "the complete corpus has 4" in done.stderr


def test_the_command_ends_with_the_reason(at_home, tmp_path, monkeypatch):
    # Nothing comes before it on standard error: a bar is for terminals alone.
    monkeypatch.setenv("FORCE_COLOR", "1")
    at_home.files[ZIP].status = 404
    done = run("ravdess", "--to", tmp_path, "--yes")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: http://127.0.0.1"), done.stderr


def test_what_is_given_out_by_hand_is_told_how(tmp_path):
    done = run("savee", "--to", tmp_path)
    assert done.exit_code == 1
    assert "register at http" in done.stderr
    assert run("iemocap").exit_code == 2


def test_every_corpus_has_a_home():
    assert SOURCES.keys() == CORPORA.keys()
    for source in SOURCES.values():
        assert source.home.startswith("http")
        assert source.clips > 0
    assert [s.corpus for s in SOURCES.values() if isinstance(s.origin, ByHand)] == ["savee"]
