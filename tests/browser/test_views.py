"""What the page shows and gives out: its numbers, its files, its speed, and who can use it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

HEAR_DOWNLOADS = """
window.downloads = [];
const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob) => {
  blob.text().then((text) => window.downloads.push(text));
  return make(blob);
};
"""
HEAR_PLAYING = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function () {
  window.played.push(this.buffer.duration);
  start.call(this);
};
"""
READ_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(
  violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => [id, nodes.map(({ target, any }) => [target, any[0]?.message])])));
"""
READ_PIXELS = """
const canvas = document.querySelector(arguments[0]);
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return new Set(new Uint32Array(data.buffer)).size;
"""
READ_PICTURES = """
return [...document.querySelectorAll("#analysis canvas")].map((canvas) => canvas.ariaLabel);
"""
READ_LOADED = """
const entries = performance.getEntriesByType("resource");
const models = entries.find(({ name }) => name.endsWith("/v1/models"));
return [models.responseEnd, entries.map(({ name, startTime }) => [name, startTime])];
"""
PICTURES = (
    "Waveform",
    "Magnitude spectrum",
    "Spectrogram, linear",
    "Spectrogram, log",
    "Mel spectrogram",
    "RMS",
    "Zero-crossing rate",
    "Band energy ratio",
    "Spectral centroid",
    "Spectral bandwidth",
)


def analyze(path: Path) -> list[dict]:
    """What ``intone analyze`` says of a file."""
    done = subprocess.run(
        [sys.executable, "-m", "intone", "analyze", "--format", "jsonl", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def exported(page, kind: str) -> str:
    """Press the button, and read the file that the page gave out."""
    page.driver.execute_script("window.downloads.length = 0")
    page.press(f"#export-{kind}")
    page.until(lambda: page.driver.execute_script("return window.downloads.length"), "a download")
    return str(page.driver.execute_script("return window.downloads[0]"))


def results_of(text: str) -> list[dict]:
    return [
        utterance
        for session in json.loads(text)["sessions"]
        for utterance in session["utterances"]
        if utterance["state"] == "result"
    ]


def test_a_microphone_gives_what_the_same_file_gives(server, open_page, microphone_wav):
    """Without echo cancellation, which changes what is recorded before the page has it."""
    expected = analyze(microphone_wav)
    assert len(expected) == 2
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HEAR_DOWNLOADS)
        page.press("#echo")
        page.start_microphone()
        page.wait_for_rows(2)
        page.stop()
        heard = results_of(exported(page, "json"))
    for one, other in zip(heard[:2], expected, strict=True):
        for question in ("emotion", "gender"):
            for label, score in other[question]["scores"].items():
                assert one[question]["scores"][label] == pytest.approx(score, abs=0.05), label
        assert one["latency_ms"] < 150


def test_what_is_exported_is_what_is_shown(server, open_page, two_utterances_wav):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HEAR_DOWNLOADS)
        page.pick_file(two_utterances_wav)
        rows = page.wait_for_rows(2)
        page.wait_for_status("Ready")
        results = results_of(exported(page, "json"))
        table = list(csv.DictReader(io.StringIO(exported(page, "csv"))))
        assert "2 utterances" in page.read("#summary-words")
    for row, result, line in zip(rows, results, table, strict=True):
        assert row.label == result["emotion"]["label"] == line["emotion"]
        assert line["source"] == two_utterances_wav.name
        assert float(line[f"emotion_{row.label}"]) == result["emotion"]["scores"][row.label]
        assert int(line["end_ms"]) == result["end_ms"]


def test_every_utterance_can_be_played_from_the_list_and_the_timeline(
    server, open_page, two_utterances_wav
):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HEAR_PLAYING)
        page.pick_file(two_utterances_wav)
        page.wait_for_rows(2)
        page.wait_for_status("Ready")
        page.press("#utterances .play")
        page.until(lambda: page.read("#utterances .play") == "Stop", "the sound")
        page.press("#utterances .play")
        page.until(lambda: page.read("#utterances .play") == "Play", "the end of the sound")
        page.until(lambda: page.driver.execute_script(READ_PIXELS, "#overview") > 1, "the wave")
        page.press("#track .mark")
        newest, oldest = page.driver.execute_script("return window.played")
    first, second = analyze(two_utterances_wav)
    assert newest == pytest.approx((second["end_ms"] - second["start_ms"]) / 1_000, abs=0.001)
    assert oldest == pytest.approx((first["end_ms"] - first["start_ms"]) / 1_000, abs=0.001)


def test_an_utterance_is_drawn_in_all_its_pictures(server, open_page, male_wav):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.pick_file(male_wav)
        page.wait_for_rows(1)
        page.wait_for_status("Ready")
        page.analyse()
        names = page.driver.execute_script(READ_PICTURES)
        assert len(names) == len(PICTURES)
        for name, expected in zip(names, PICTURES, strict=True):
            assert name.startswith(expected)
        for n in range(1, len(names) + 1):
            selector = f"#analysis figure:nth-child({n}) canvas"
            assert page.driver.execute_script(READ_PIXELS, selector) > 2, names[n - 1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(server, open_page, two_utterances_wav, repo_root, scheme):
    axe = repo_root / "client_js" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("the package's own development tools are not installed")
    with open_page(server.url) as page:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        page.wait_for_model()
        page.driver.execute_script(axe.read_text(encoding="utf-8"))
        assert page.driver.execute_async_script(READ_AXE) == []
        page.pick_file(two_utterances_wav)
        page.wait_for_rows(2)
        page.wait_for_status("Ready")
        assert page.driver.execute_async_script(READ_AXE) == []
        page.analyse()
        assert page.driver.execute_async_script(READ_AXE) == []


def test_a_model_that_answers_at_the_end_only_is_shown_right(start_server, open_page):
    """Here the server leaves every interim out, as if it were always late."""
    with (
        start_server("--set", "engine.interim_backlog_s=1e-9") as server,
        open_page(server.url) as page,
    ):
        page.start_microphone()
        page.until(lambda: "Listening" in page.read("#verdict-note"), "an utterance under way")
        page.wait_for_rows(1)
        page.until(lambda: "last utterance" in page.read("#verdict-note"), "its answer")
        page.stop()


def test_a_server_that_is_full_is_said_in_words(start_server, open_page):
    with (
        start_server("--set", "limits.max_sessions=1") as server,
        open_page(server.url) as first,
        open_page(server.url, logs_errors=True) as second,
    ):
        first.start_microphone()
        second.wait_for_model()
        second.press("#listen")
        second.until(lambda: "1 sessions already" in second.read("#notice"), "a word about it")
        assert second.read("#connection") == "Ready"
        first.stop()


def test_a_page_that_is_not_secure_says_so_at_once(server, open_page):
    flag = "--host-resolver-rules=MAP intone.example 127.0.0.1"
    url = f"http://intone.example:{server.port}/"
    with open_page(url, flags=(flag,)) as page:
        page.until(lambda: "https" in page.read("#notice"), "a word about it")
        page.wait_for_model()
        assert "https" in page.read("#notice")


def test_silence_can_be_chosen(server, open_page):
    with open_page(server.url) as page:
        page.start_microphone()
        page.press("#mute")
        page.until(lambda: page.read("#mute") == "Muted", "the button")
        page.until(lambda: not page.rows("running"), "an end of what was said")
        page.press("#mute")
        page.until(lambda: page.rows("running"), "speech again")
        page.stop()


def test_the_page_is_ready_soon_and_small(server, open_page, repo_root):
    def size(url: str) -> int:
        # Of the file: what a browser takes from its cache has no size.
        return (repo_root / "client_js" / url.partition("/client/")[2]).stat().st_size

    with open_page(server.url) as page:
        page.wait_for_model()
        ready_ms, loaded = page.driver.execute_script(READ_LOADED)
    code = [(url, at_ms) for url, at_ms in loaded if "/client/" in url]
    html = (repo_root / "client_js" / "page" / "index.html").stat().st_size
    # Comments and all; what listens comes behind, the analysis and the export when asked for.
    assert html + sum(size(url) for url, at_ms in code if at_ms < ready_ms) <= 60 * 1_024
    assert html + sum(size(url) for url, _ in code) <= 140 * 1_024
    # Ten times what a machine takes that does nothing else.
    assert ready_ms < 3_000


def test_sound_reaches_the_pictures(server, open_page, microphone_wav):
    assert soundfile.info(microphone_wav).samplerate == 48_000
    with open_page(server.url) as page:
        page.start_microphone()
        for selector in ("#wave", "#mel"):
            page.until(
                lambda selector=selector: page.driver.execute_script(READ_PIXELS, selector) > 10,
                selector,
            )
        page.stop()
