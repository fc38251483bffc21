"""The client on pages of one's own: the example as pasted, the element, a bundled application."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from listening_page import ListeningPage
from pages import blocks
from selenium.webdriver import ActionChains

VITE_APPLICATION = """
import { IntoneClient, Microphone } from "intone-client";
const client = new IntoneClient({ url: SERVER });
const microphone = new Microphone().pipe(client);
client.on("utterance.result", ({ emotion }) => (document.title = emotion.label));
document.querySelector("button").onclick = async () => {
  await microphone.start();
  await client.connect();
};
"""
METER = """<!doctype html><html lang="en"><title>meter</title>
<script type="module" src="SERVERclient/meter.js"></script>
<intone-meter url="SERVER"></intone-meter></html>"""
READ_METER = """
return ["label", "note", "button"].map((part) =>
  document.querySelector("intone-meter").shadowRoot.querySelector(`[part=${part}]`).textContent);
"""
PRESS_METER = """
document.querySelector("intone-meter").shadowRoot.querySelector("button").click();
"""
PRESS_METER_A_SECOND_TIME = """
document.querySelector("intone-meter").shadowRoot.querySelector("button")
  .dispatchEvent(new MouseEvent("click", { detail: 2 }));
"""
UNPLUG = """
for (const track of opened) {
  track.stop();
  track.dispatchEvent(new Event("ended"));
}
"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder under the strictest policy that ``docs/browser.md`` gives."""

    policy = ""

    def end_headers(self) -> None:
        if self.policy:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path):
    """A folder, the address it is served at, and a setter of its content security policy."""
    folder = tmp_path / "site"
    folder.mkdir()
    # Browsers ask for it unasked.
    (folder / "favicon.ico").touch()
    handler = type("Handler", (QuietHandler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield folder, f"http://127.0.0.1:{http.server_port}", handler
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


OPEN_MICROPHONES = """
<script>
  const opened = [];
  const { mediaDevices } = navigator, open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (asked) => {
    const stream = await open(asked);
    opened.push(...stream.getTracks());
    return stream;
  };
</script>
"""
"""Remembers the tracks of microphones that the page opens."""


@pytest.fixture
def guide(repo_root: Path) -> str:
    return (repo_root / "docs" / "browser.md").read_text(encoding="utf-8")


def block(guide: str, language: str) -> str:
    return blocks(guide, language)[0]


def page_of(example: str, server_url: str) -> str:
    return example.replace("http://127.0.0.1:8765", server_url)


def shown(page: ListeningPage, selector: str) -> str:
    return str(page.read(selector)).strip()


def shows_emotion(page: ListeningPage) -> bool:
    return re.match(r"\w+ \d+ ?%", shown(page, "output")) is not None


def open_meter(page: ListeningPage) -> Callable[[str], Any]:
    """Wait for the element and press its button; return what runs scripts, which find the type
    of the last message in ``last``."""
    run = page.driver.execute_script
    run("addEventListener('intone', (e) => (window.last = e.detail.type))")
    page.until(lambda: run(READ_METER)[2] == "Start", "the element")
    run(PRESS_METER)
    return run


def test_the_example_is_ten_lines_and_works_as_pasted(start_server, open_page, site, guide):
    folder, origin, _ = site
    example = block(guide, "html")
    script = re.search(r'<script type="module">\n(.*?)</script>', example, re.DOTALL)
    assert script
    assert len(script[1].splitlines()) <= 10
    with start_server("--allowed-origin", origin) as server:
        text = page_of(example, server.url) + OPEN_MICROPHONES
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/") as page:
            button = page.driver.find_element("css selector", "button")
            ActionChains(page.driver).double_click(button).perform()
            page.until(lambda: shows_emotion(page), "an emotion")
            run = page.driver.execute_script
            assert run("return opened.map(({ readyState }) => readyState)") == ["live"]
            # Pressed once more it ends, and once more it begins again.
            page.press("button")
            page.until(lambda: run("return opened[0].readyState") == "ended", "the end")
            run("document.querySelector('output').value = ''")
            page.press("button")
            page.until(lambda: shows_emotion(page), "an emotion again")


def test_the_example_ends_while_the_server_is_away(start_server, open_page, site, guide):
    folder, origin, _ = site
    flags = ("--allowed-origin", origin)
    with start_server(*flags) as first:
        text = page_of(block(guide, "html"), first.url) + OPEN_MICROPHONES
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/", logs_errors=True) as page:
            run = page.driver.execute_script
            page.press("button")
            page.until(lambda: shows_emotion(page), "an emotion")
            run("document.querySelector('output').value = ''")
            first.stop()
            page.until(lambda: shown(page, "output"), "why nothing comes any more")
            assert run("return opened[0].readyState") == "live"
            page.press("button")
            page.until(lambda: run("return opened[0].readyState") == "ended", "the end")
            with start_server(*flags, "--port", str(first.port)):
                page.until(lambda: not run("return document.querySelector('button').disabled"), "")
                page.press("button")
                page.until(lambda: shows_emotion(page), "an emotion")
                assert run("return opened.length") == 2


def test_the_example_says_why_it_is_refused_and_turns_the_microphone_off(
    start_server, open_page, site, guide
):
    folder, origin, _ = site
    with start_server() as server:
        text = page_of(block(guide, "html"), server.url) + OPEN_MICROPHONES
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/", logs_errors=True) as page:
            page.press("button")
            page.until(
                lambda: "may not connect" in shown(page, "output"), "the server's own reason"
            )
            run = page.driver.execute_script
            assert run("return opened.length") == 1
            page.until(lambda: run("return opened[0].readyState") == "ended", "the microphone off")


def test_the_element_works_under_the_policy_of_the_guide(start_server, open_page, site, guide):
    folder, origin, handler = site
    with start_server("--allowed-origin", origin) as server:
        policy = page_of(block(guide, "text"), server.url).replace("\n", " ")
        policy = policy.replace("ws://127.0.0.1:8765", server.ws_url)
        handler.policy = f"{policy}; require-trusted-types-for 'script'"
        text = METER.replace("SERVER", f"{server.url}/")
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/") as page:
            run = open_meter(page)
            page.until(lambda: run(READ_METER)[2] == "Stop", "a session")
            page.until(lambda: "%" in run(READ_METER)[1], "a gender in the element")
            run(PRESS_METER)
            page.until(lambda: run(READ_METER)[2] == "Start", "the end")
            assert run("return window.last") == "session.closed"
            run(PRESS_METER_A_SECOND_TIME)
            assert run(READ_METER)[2] == "Start"


def test_the_element_still_says_at_the_end_that_the_microphone_is_gone(
    start_server, open_page, site
):
    folder, origin, _ = site
    with start_server("--allowed-origin", origin) as server:
        text = METER.replace("SERVER", f"{server.url}/") + OPEN_MICROPHONES
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/") as page:
            run = open_meter(page)
            # In an utterance, whose result comes after it.
            page.until(lambda: run("return window.last") == "utterance.interim", "an interim")
            run(UNPLUG)
            page.until(lambda: run("return window.last") == "session.closed", "the end")
            page.until(lambda: run(READ_METER)[2] == "Start", "rest")
            page.until(lambda: "unplugged" in run(READ_METER)[1], "why")


@pytest.mark.parametrize(
    ("server_flags", "reason"),
    [
        ((), "may not connect"),
        (("--allowed-origin", "ORIGIN", "--token", "alpha"), "the token is not known here"),
    ],
    ids=["origin", "token"],
)
def test_the_element_says_why_it_is_refused(start_server, open_page, site, server_flags, reason):
    folder, origin, _ = site
    flags = (origin if flag == "ORIGIN" else flag for flag in server_flags)
    with start_server(*flags) as server:
        text = METER.replace("SERVER", f"{server.url}/").replace(" url=", ' token="guess" url=')
        (folder / "index.html").write_text(text, encoding="utf-8")
        with open_page(f"{origin}/", logs_errors=True) as page:
            run = open_meter(page)
            page.until(lambda: reason in run(READ_METER)[1], "the server's own reason")
            assert run(READ_METER)[2] == "Start"


def test_an_application_built_by_vite_hears(start_server, open_page, site, repo_root, tmp_path):
    vite = repo_root / "client_js" / "node_modules" / "vite" / "bin" / "vite.js"
    node = shutil.which("node")
    if not vite.is_file() or node is None:
        pytest.skip("the package's own development tools are not installed")
    folder, origin, _ = site
    with start_server("--allowed-origin", origin) as server:
        source = tmp_path / "application"
        installed = source / "node_modules" / "intone-client"
        installed.mkdir(parents=True)
        for path in (repo_root / "client_js").glob("*.js*"):
            shutil.copy(path, installed)
        code = VITE_APPLICATION.replace("SERVER", f'"{server.url}/"')
        (source / "main.js").write_text(code, encoding="utf-8")
        html = '<html lang="en"><button>Talk</button><script type="module" src="main.js"></script>'
        (source / "index.html").write_text(html, encoding="utf-8")
        subprocess.run(
            [node, vite, "build", "--logLevel", "error", "--emptyOutDir", "--outDir", folder],
            cwd=source,
            check=True,
            timeout=120,
        )
        with open_page(f"{origin}/", logs_errors=True) as page:
            page.press("button")
            page.until(lambda: page.driver.title in EMOTIONS, "an emotion")


EMOTIONS = {
    *("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    "unsure",
}
