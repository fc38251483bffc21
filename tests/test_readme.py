"""The README is true: its commands exist, its examples run, its links lead somewhere."""

from __future__ import annotations

import re
import shlex

import pytest
from pages import blocks, run_python

from intone.models import ModelStore


@pytest.fixture(scope="module", params=["README.md", "CONTRIBUTING.md"])
def page(request, repo_root):
    return (repo_root / request.param).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme(repo_root):
    return (repo_root / "README.md").read_text(encoding="utf-8")


def commands(page: str) -> list[list[str]]:
    """Every command shown, in a block or inline, split into words."""
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    inline = re.findall(r"`((?:make|intone) [^`]+)`", page)
    return [words for line in lines + inline if (words := shlex.split(line, comments=True))]


def test_every_make_target_exists(page, repo_root):
    makefile = (repo_root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, flags=re.MULTILINE))
    for _, *words in (command for command in commands(page) if command[0] == "make"):
        for word in words:
            name, assigned, _ = word.partition("=")
            assert name in (variables if assigned else targets), word


def test_every_intone_command_and_flag_exists(page):
    from intone.cli.commands import commands as group

    for _, name, *words in (command for command in commands(page) if command[0] == "intone"):
        flags = {flag for option in group.commands[name].params for flag in option.opts}
        assert {word for word in words if word.startswith("--")} <= flags, (name, words)


def test_there_are_commands_to_check(readme):
    assert {command[0] for command in commands(readme)} >= {"make", "intone"}


def example(readme: str, having: str) -> str:
    (source,) = [block for block in blocks(readme, "python") if having in block]
    return source


def test_the_embedding_example_prints_an_utterance(readme, beside_speech):
    said = run_python(example(readme, "intone.Session"), beside_speech)
    assert "UtteranceStarted(" in said
    assert said.count("UtteranceResult(") == 1


def test_the_client_example_prints_an_utterance(readme, beside_speech, server):
    source = example(readme, "intone.client").replace("ws://127.0.0.1:8765", server.ws_url)
    assert run_python(source, beside_speech).count("UtteranceResult(") == 1


def test_the_browser_example_uses_what_the_modules_export(readme, repo_root):
    (source,) = blocks(readme, "js")
    found = re.search(r'import \{ (.+) \} from "http://127\.0\.0\.1:8765/client/index\.js"', source)
    assert found
    exported = (repo_root / "client_js" / "index.js").read_text(encoding="utf-8")
    for name in found[1].split(", "):
        assert re.search(rf"^export \{{.*\b{name}\b.*\}}", exported, re.MULTILINE), name
    for method in re.findall(r"(?:client|microphone)\.(\w+)\(", source):
        code = "".join(
            path.read_text(encoding="utf-8") for path in (repo_root / "client_js").glob("*.js")
        )
        assert re.search(rf"^  (?:async )?{method}\(", code, re.MULTILINE), method


@pytest.mark.parametrize(("column", "name"), [(0, "gru"), (1, "pretrained")])
def test_the_figures_are_those_of_the_shipped_cards(readme, column, name):
    row = r"^\| (?:eight|six|seven|the same|gender).*\| (\d\.\d+) \| (\d\.\d+) \|$"
    told = [row[column] for row in re.findall(row, readme, flags=re.MULTILINE)]
    figures = {
        (row.corpus, row.protocol.split()[0], row.task, row.metric): row.value
        for row in ModelStore.load()[name].card.accuracy
    }
    expected = [
        figures["ravdess", "5", "emotion", "uar"],
        figures["ravdess", "random", "emotion", "uar"],
        figures["emodb", "5", "emotion", "uar"],
        figures["savee", "5", "emotion", "uar"],
        figures["ravdess", "5", "gender", "accuracy"],
        figures["emodb", "5", "gender", "accuracy"],
        figures["crema_d", "5", "gender", "accuracy"],
    ]
    decimals = [len(figure.partition(".")[2]) for figure in told]
    assert told == [f"{value:.{n}f}" for value, n in zip(expected, decimals, strict=True)]
