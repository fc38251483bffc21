"""The browser client's files: what they share with the server, and what they must not hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intone.types import DiscardReason, EndReason
from intone.web.pages import CONTENT_TYPES
from intone.web.wire import PROTOCOL, SERVER_TYPES

PAGE = Path(__file__).resolve().parents[1] / "client_js"
SERVED = sorted(
    path
    for folder in (PAGE, PAGE / "page")
    for path in folder.iterdir()
    if path.suffix in CONTENT_TYPES
)


def quoted(text: str) -> set[str]:
    return set(re.findall(r'"([^"]+)"', text))


def test_the_client_knows_every_event_that_the_server_sends():
    wire = (PAGE / "wire.js").read_text(encoding="utf-8")
    known = re.search(r"EVENT_TYPES = new Set\(\[(.*?)\]\)", wire, re.DOTALL)
    assert known
    assert quoted(known[1]) == set(SERVER_TYPES)
    assert f'PROTOCOL = "{PROTOCOL}"' in wire


@pytest.mark.parametrize(
    ("name", "reasons", "own"),
    [("END_REASONS", EndReason, set()), ("DISCARD_REASONS", DiscardReason, {"connection_lost"})],
)
def test_the_page_has_words_for_every_reason(name, reasons, own):
    words = (PAGE / "page" / "words.js").read_text(encoding="utf-8")
    declared = re.search(rf"const {name} = \{{(.*?)\}};", words, re.DOTALL)
    assert declared
    told = set(re.findall(r"^  (\w+): ", declared[1], re.MULTILINE))
    assert told == {reason.value for reason in reasons} | own


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.name)
def test_a_served_file_asks_no_other_host_for_anything(path):
    text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"(https?:)?//[\w-]+\.[\w.]+", text)


def test_the_page_works_behind_a_path_prefix():
    html = (PAGE / "page" / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert addresses
    assert all(address.startswith("client/") for address in addresses)
    assert all((PAGE / address.removeprefix("client/")).is_file() for address in addresses)


def test_the_page_holds_no_inline_script_or_style():
    html = (PAGE / "page" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", html)
