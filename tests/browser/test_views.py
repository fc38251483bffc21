"""What the page shows and gives out: its numbers, its files, its speed, and who can use it."""

from __future__ import annotations

import csv
import functools
import io
import urllib.request
from collections.abc import Iterable

import numpy as np
import pytest
import soundfile
from page_results import HEAR_DOWNLOADS, analyze, exported, results_of
from selenium.webdriver.common.keys import Keys

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
READ_COLUMNS = """
const canvas = document.querySelector("#wave");
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
const drawn = new Set();
for (let at = 3; at < data.length; at += 4) if (data[at]) drawn.add((at >> 2) % canvas.width);
return drawn.size / canvas.width;
"""
READ_POSITION = """
const { value, max } = document.querySelector("#position");
return [Number(value), Number(max)];
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
        # One column a label of the model; "unsure" is an answer, and has no score.
        for label, score in result["emotion"]["scores"].items():
            assert float(line[f"emotion_{label}"]) == score
        assert float(line["emotion_confidence"]) == result["emotion"]["confidence"]
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
    first, second = analyze(two_utterances_wav)[two_utterances_wav.name]
    assert newest == pytest.approx((second["end_ms"] - second["start_ms"]) / 1_000, abs=0.001)
    assert oldest == pytest.approx((first["end_ms"] - first["start_ms"]) / 1_000, abs=0.001)


def test_what_was_heard_is_kept_when_the_server_has_gone(start_server, open_page, male_wav):
    with start_server() as server, open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HEAR_DOWNLOADS)
        page.pick_file(male_wav)
        [row] = page.wait_for_rows(1)
        page.wait_for_status("Ready")
        server.stop()
        [result] = results_of(exported(page, "json"))
        assert result["emotion"]["label"] == row.label
        page.analyse()


def test_the_timeline_is_moved_by_keys_and_follows_again_from_its_end(
    server, open_page, two_utterances_wav, tmp_path
):
    speech, rate_hz = soundfile.read(two_utterances_wav, dtype="float32")
    # As most recordings, it does not end with a millisecond.
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(speech, 8)[:-7], rate_hz, "PCM_16")
    with open_page(server.url) as page:
        page.driver.set_window_size(500, 900)
        page.wait_for_model()
        page.pick_file(path)
        page.wait_for_rows(1)
        page.wait_for_status("Ready")
        read = functools.partial(page.driver.execute_script, READ_POSITION)
        page.until(lambda: read()[0] == read()[1] > 5_000, "the end of the timeline")
        page.driver.execute_script("document.querySelector('#position').focus()")
        page.press_keys(Keys.ARROW_LEFT)
        value, last = read()
        assert value < last - 50
        page.press_keys(Keys.HOME, Keys.END)
        assert read() == [last, last]


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


def test_a_model_that_answers_at_the_end_says_so_while_it_listens(start_server, open_page):
    flags = ("--model", "bilstm", "--set", "session.model=bilstm")
    with start_server(*flags) as server, open_page(server.url) as page:
        page.start_microphone()
        page.until(
            lambda: "answers at the pause" in page.read("#verdict-note"), "what it waits for"
        )
        page.wait_for_rows(1)
        page.until(lambda: "last utterance" in page.read("#verdict-note"), "its answer")
        page.stop()


def test_a_page_without_interims_goes_from_listening_to_the_answer(start_server, open_page):
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


def test_the_page_is_ready_soon_and_small(server, open_page, male_wav):
    with open_page(server.url) as page:
        page.wait_for_model()
        ready_ms, at_start = page.driver.execute_script(READ_LOADED)
        # All that is used later, and the worklet, which is loaded then.
        page.pick_file(male_wav)
        page.wait_for_rows(1)
        page.wait_for_status("Ready")
        page.press("#export-csv")
        page.analyse()
        page.press("#analysis button")
        page.start_microphone()
        page.stop()
        _, at_end = page.driver.execute_script(READ_LOADED)
    before_ready = [f"{server.url}/", *(url for url, at_ms in at_start if at_ms < ready_ms)]
    # Of everything, what is not the package's, which other pages load too.
    own = [f"{server.url}/", *(url for url, _ in at_end if "/client/page/" in url)]
    assert f"{server.url}/client/page/analysis.js" in own
    assert f"{server.url}/client/page/export.js" in own
    assert size(own) <= 60_000
    assert size(before_ready) <= 60_000
    assert size((url for url, _ in at_end if "/client/" in url), "gzip") <= 40_000
    # Ten times what a machine takes that does nothing else.
    assert ready_ms < 3_000


def size(urls: Iterable[str], encoding: str = "identity") -> int:
    """Bytes that the bodies at ``urls`` are, in one of the encodings that the server knows."""
    total = 0
    for url in set(urls):
        request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})
        with urllib.request.urlopen(request, timeout=10) as response:
            total += len(response.read())
    return total


def test_with_less_motion_the_last_of_the_sound_is_drawn_too(server, open_page, male_wav):
    with open_page(server.url) as page:
        feature = {"name": "prefers-reduced-motion", "value": "reduce"}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        page.wait_for_model()
        page.pick_file(male_wav)
        page.wait_for_rows(1)
        page.wait_for_status("Ready")
        # Of the eight seconds that are shown.
        heard = soundfile.info(male_wav).duration / 8
        page.until(lambda: page.driver.execute_script(READ_COLUMNS) > 0.9 * heard, "all of it")


def test_a_microphone_that_is_silenced_before_it_is_opened_is_said_to_be(server, open_page):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(
            "Object.defineProperty(MediaStreamTrack.prototype, 'muted', { get: () => true })"
        )
        page.start_microphone()
        page.until(lambda: "muted" in page.read("#notice"), "a word about it")
        page.stop()


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
