"""docs/python.md is true: its examples run, and what it says of the command line is so."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from click.testing import CliRunner
from pages import blocks, run_python

from intone.cli.commands import commands
from intone.models import ModelStore


@pytest.fixture(scope="module")
def page(repo_root):
    return (repo_root / "docs" / "python.md").read_text(encoding="utf-8")


def test_every_example_prints_an_utterance(page, beside_speech, server):
    examples = blocks(page, "python")
    assert len(examples) == 3
    for source in examples:
        said = run_python(source.replace("ws://127.0.0.1:8765", server.ws_url), beside_speech)
        assert "UtteranceResult(" in said or re.search(r"^\w+ male [\d.]+$", said, re.MULTILINE)


def test_what_analyze_prints_is_what_it_shows(page, beside_speech, monkeypatch):
    monkeypatch.chdir(beside_speech)
    (shown,) = map(json.loads, blocks(page, "json"))
    said = CliRunner().invoke(commands, ["analyze", "--format", "jsonl", "speech.wav"])
    (line,) = map(json.loads, said.output.splitlines())
    assert line == shown


def test_the_columns_are_those_it_names(page, beside_speech, monkeypatch):
    monkeypatch.chdir(beside_speech)
    said = CliRunner().invoke(commands, ["analyze", "--format", "csv", "speech.wav"])
    found = next(csv.reader(io.StringIO(said.output)))
    (sentence,) = re.findall(r"^Columns of CSV are (.*?);", page, re.MULTILINE)
    told = re.findall(r"`(\w+)`", sentence)
    at = told.index("emotion_neutral")
    emotions = [f"emotion_{label}" for label in ModelStore.load()["gru"].card.emotions]
    assert found == [*told[:at], *emotions, *told[at + 1 :]]


def test_every_command_is_there(page):
    assert set(re.findall(r"^\| `intone (\w+)", page, re.MULTILINE)) == set(commands.commands)
