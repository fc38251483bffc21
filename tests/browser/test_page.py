"""The page end to end: real browser, real server, real model, speech in and answers out."""

from __future__ import annotations

import base64
import json
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile
from listening_page import DROP_FILE, Row
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from intone.models import ModelStore
from intone.resources import models_dir
from intone.session import Session
from intone.types import UtteranceDiscarded, UtteranceResult

KEEP_STREAMS = """
window.heldStreams = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (constraints) => {
  const stream = await open(constraints);
  window.heldStreams.push(stream);
  return stream;
};
"""
HOLD_FIRST_STREAM = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
let asked = 0;
navigator.mediaDevices.getUserMedia = async (constraints) => {
  asked += 1;
  const isFirst = asked === 1;
  if (isFirst) await new Promise((resolve) => (window.answer = resolve));
  const stream = await open(constraints);
  if (isFirst) window.late = stream;
  return stream;
};
"""
LATE_TRACK = "return window.late?.getTracks()[0].readyState"
MUTE = """
const [track] = window.heldStreams[0].getTracks();
Object.defineProperty(track, "muted", { value: true });
track.dispatchEvent(new Event("mute"));
"""
TRACK_STATES = """
return window.heldStreams.flatMap((s) => s.getTracks()).map((t) => [t.readyState, t.getSettings()]);
"""
# A row that is too wide is cut off, and makes nothing wider.
WIDTH = """
const rows = [...document.querySelectorAll("#utterances .utterance")];
const cut = rows.map((row) => Math.max(0, row.scrollWidth - row.clientWidth));
return document.documentElement.scrollWidth + Math.max(0, ...cut);
"""
DASH = "\N{EN DASH}"


def labels_of(url: str, model: str = "gru") -> set[str]:
    with urllib.request.urlopen(f"{url}/v1/models", timeout=10) as response:
        models = json.load(response)["models"]
    [entry] = [entry for entry in models if entry["name"] == model]
    return {*entry["emotions"], "unsure"}


def clock(ms: int) -> str:
    tenths = ms // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def offline(path: Path) -> tuple[list[UtteranceResult], list[UtteranceDiscarded]]:
    """What a 16 kHz 16-bit file gives in this process."""
    pcm, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 16_000
    session = Session()
    events = session.feed(pcm.tobytes()) + session.finish()
    results = [event for event in events if isinstance(event, UtteranceResult)]
    return results, [event for event in events if isinstance(event, UtteranceDiscarded)]


def assert_same(rows: list[Row], results: list[UtteranceResult]) -> None:
    assert len(rows) == len(results)
    for row, result in zip(rows, results, strict=True):
        assert row.label == result.emotion.label
        assert row.time == f"{clock(result.start_ms)} {DASH} {clock(result.end_ms)}"
        shown = int(row.confidence.removesuffix("%")) / 100
        assert abs(shown - result.emotion.confidence) < 0.006
        assert row.gender.lower().startswith(result.gender.label)


def test_a_person_speaks_and_sees_answers(server, open_page):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(KEEP_STREAMS)
        page.start_microphone()
        page.until(lambda: page.rows("running"), "an utterance under way")
        page.until(lambda: "while speaking" in page.read("#verdict-note"), "an interim answer")
        rows = page.wait_for_rows(2)
        page.until(lambda: "lag" in page.read("#traffic"), "the server's lag")
        page.stop()

        for row in rows[:2]:
            assert row.label in labels_of(server.url)
            assert "ended at a pause" in row.note
            assert row.gender.split()[0] in {"Female", "Male", "Gender"}
        assert page.read("#listen") == "Start microphone"
        assert "last utterance" in page.read("#verdict-note")
        [[state, settings]] = page.driver.execute_script(TRACK_STATES)
        assert state == "ended"
        assert settings["echoCancellation"] is True
        assert settings["autoGainControl"] is False
        assert settings["noiseSuppression"] is False


def test_stopping_mid_utterance_still_gives_its_answer(server, open_page, unbroken_wav):
    with open_page(server.url, microphone=unbroken_wav) as page:
        page.start_microphone()
        page.until(lambda: "while speaking" in page.read("#verdict-note"), "an interim answer")
        page.stop()
        assert page.rows("running") == []
        assert "ended with the recording" in page.rows()[-1].note


def test_a_picked_file_gives_what_the_library_gives(server, open_page, two_utterances_wav):
    results, _ = offline(two_utterances_wav)
    assert len(results) == 2
    with open_page(server.url) as page:
        page.wait_for_model()
        page.pick_file(two_utterances_wav)
        page.wait_for_rows(len(results))
        page.wait_for_status("Ready")
        assert_same(page.rows(), results)
        assert two_utterances_wav.name in page.read("#utterances h3")


def test_a_dropped_file_does_too(server, open_page, male_wav):
    results, _ = offline(male_wav)
    with open_page(server.url) as page:
        page.wait_for_model()
        encoded = base64.b64encode(male_wav.read_bytes()).decode()
        page.driver.execute_script(DROP_FILE, male_wav.name, encoded)
        page.wait_for_rows(len(results))
        page.wait_for_status("Ready")
        assert_same(page.rows(), results)


def test_a_discarded_utterance_stays_visible_with_its_reason(server, open_page, male_wav, tmp_path):
    pcm, rate_hz = soundfile.read(male_wav, dtype="int16")
    scrap = tmp_path / "scrap.wav"
    # From 0.1 s, 0.4 s: enough speech to start an utterance, too little to judge.
    speech = pcm[rate_hz // 10 : rate_hz // 2]
    soundfile.write(scrap, np.concatenate([speech, np.zeros(rate_hz, np.int16)]), rate_hz)
    results, [discarded] = offline(scrap)
    assert (results, discarded.reason.value) == ([], "too_short")
    with open_page(server.url) as page:
        page.wait_for_model()
        page.pick_file(scrap)
        [row] = page.wait_for_rows(1, "discarded")
        assert row.note == "Left out: too short to judge"
        assert row.time == f"{clock(discarded.start_ms)} {DASH} {clock(discarded.end_ms)}"


def test_another_model_can_be_chosen_and_unsure_is_shown_as_such(
    start_server, open_page, male_wav, tmp_path
):
    strict = tmp_path / "models" / "strict"
    shutil.copytree(models_dir() / "gru", strict)
    card = json.loads((strict / "card.json").read_text())
    card["name"] = "strict"
    card["emotions"][-1] = "contempt"
    card["emotion_calibration"]["threshold"] = 0.9999
    (strict / "card.json").write_text(json.dumps(card))
    names = ModelStore.load(strict.parent).names
    assert "strict" in names
    with (
        start_server("--models-dir", str(strict.parent)) as server,
        open_page(server.url) as page,
    ):
        assert sorted(page.wait_for_model()) == sorted(names)
        page.choose_model("strict")
        page.pick_file(male_wav)
        [row] = page.wait_for_rows(1)
        assert row.label == "unsure"
        assert row.note.startswith("nearest: ")
        assert "Contempt" in page.read("#emotions")
        assert page.read("#verdict-label").startswith("Unsure")
        page.analyse()
        assert "by strict" in page.read("#analysis")


def test_a_file_that_is_no_audio_is_refused_in_words(server, open_page, tmp_path):
    text = tmp_path / "notes.wav"
    text.write_text("not a sound")
    empty = tmp_path / "empty.wav"
    empty.touch()
    with open_page(server.url) as page:
        page.wait_for_model()
        page.pick_file(text)
        page.until(lambda: "cannot read" in page.read("#notice"), "a refusal")
        page.pick_file(empty)
        page.until(lambda: "empty" in page.read("#notice"), "a refusal")
        assert page.rows() == []
        assert page.read("#connection") == "Ready"


def test_a_refused_microphone_is_said_in_words(server, open_page):
    with open_page(server.url, may_listen=False) as page:
        page.wait_for_model()
        page.press("#listen")
        page.until(lambda: "blocked" in page.read("#notice"), "a word about the permission")
        assert page.read("#listen") == "Start microphone"


def test_a_prompt_that_is_not_answered_can_be_given_up(server, open_page, male_wav):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HOLD_FIRST_STREAM)
        button = page.driver.find_element("id", "listen")
        # A double click is one start, and gives nothing up.
        ActionChains(page.driver).double_click(button).perform()
        page.until(lambda: page.driver.execute_script("return !!window.answer"), "the prompt")
        assert page.read("#listen") == "Cancel"
        page.driver.execute_script("arguments[0].click()", button)
        page.wait_for_status("Ready")
        page.pick_file(male_wav)
        page.wait_for_rows(1)
        page.wait_for_status("Ready")
        page.start_microphone()
        # Answered at last, it records nothing and ends nothing.
        page.driver.execute_script("window.answer()")
        page.until(lambda: page.driver.execute_script(LATE_TRACK) == "ended", "an end of the late")
        assert page.read("#listen") == "Stop"
        assert page.read("#notice") == ""
        page.stop()
        # A double click on "Stop" stops, however soon the server is done with it.
        page.wait_for_status("Ready")
        second = "arguments[0].dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 2 }))"
        page.driver.execute_script(second, button)
        assert page.driver.execute_script("return document.body.dataset.phase") == "idle"


def test_a_microphone_that_is_muted_stays_so_over_a_loss(start_server, open_page):
    with start_server() as first, open_page(first.url, logs_errors=True) as page:
        page.driver.execute_script(KEEP_STREAMS)
        page.start_microphone()
        page.driver.execute_script(MUTE)
        page.until(lambda: "muted" in page.read("#notice"), "a word about the microphone")
        first.stop()
        page.wait_for_status("Trying again")
        assert "Not connected" in page.read("#notice")
        with start_server("--port", str(first.port)):
            page.wait_for_status("Listening")
            assert "muted" in page.read("#notice")
            page.stop()


def test_a_session_in_which_nobody_speaks_leaves_no_heading(server, open_page, tmp_path, male_wav):
    path = tmp_path / "nothing.wav"
    soundfile.write(path, np.zeros(32_000), 16_000)
    with open_page(server.url) as page:
        page.wait_for_model()
        for sound, groups in ((path, 0), (male_wav, 1), (path, 1), (male_wav, 2)):
            page.driver.execute_script("document.body.dataset.phase = 'before'")
            page.pick_file(sound)
            phase = "return document.body.dataset.phase"
            page.until(lambda: page.driver.execute_script(phase) == "idle", "the end")  # noqa: B023
            assert len(page.driver.find_elements("css selector", ".group")) == groups


def test_the_page_goes_on_by_itself_when_the_server_is_back(start_server, open_page):
    with start_server() as first, open_page(first.url, logs_errors=True) as page:
        page.start_microphone()
        page.wait_for_rows(1)
        first.stop()
        page.wait_for_status("Trying again")
        with start_server("--port", str(first.port)):
            page.wait_for_status("Listening")
            page.until(
                lambda: len(page.driver.find_elements("css selector", ".group")) > 1,
                "a new session",
            )
            before = len(page.rows("result"))
            page.wait_for_rows(before + 1)
            page.stop()


def test_a_server_that_is_away_is_said_in_words(start_server, open_page):
    with start_server() as server, open_page(server.url, logs_errors=True) as page:
        page.wait_for_model()
        server.stop()
        page.press("#listen")
        page.until(lambda: "cannot be reached" in page.read("#notice"), "a word about the server")
        assert page.read("#connection") == "Ready"


def test_a_guarded_server_asks_for_its_token(start_server, open_page, male_wav):
    with (
        start_server("--token", "sesame") as server,
        open_page(server.url, logs_errors=True) as page,
    ):
        page.until(lambda: "asks for a token" in page.read("#token-form"), "the token's field")
        page.type("#token", "wrong")
        page.until(lambda: "is not known" in page.read("#notice"), "a refusal")
        page.driver.find_element("id", "token").clear()
        page.type("#token", "Сезам")
        page.until(lambda: "no token can" in page.read("#notice"), "what is wrong with it")
        page.driver.find_element("id", "token").clear()
        page.type("#token", "sesame")
        page.wait_for_model()
        page.until(
            lambda: page.driver.switch_to.active_element.get_attribute("id") == "model",
            "the focus where the form was",
        )
        page.pick_file(male_wav)
        page.wait_for_rows(1)


def test_everything_is_reached_by_keyboard(server, open_page):
    with open_page(server.url) as page:
        page.wait_for_model()
        reached = []
        for _ in range(4):
            page.press_keys(Keys.TAB)
            reached.append(page.driver.switch_to.active_element.get_attribute("id"))
        assert reached == ["listen", "file", "device", "model"]
        page.driver.execute_script("document.getElementById('listen').focus()")
        page.press_keys(Keys.ENTER)
        page.wait_for_status("Listening")
        page.wait_for_rows(1)
        assert page.driver.find_element("id", "announcer").get_attribute("textContent")
        page.stop()


@pytest.mark.parametrize("width_px", [320, 390, 700, 970, 1280])
def test_nothing_sticks_out_sideways(server, open_page, two_utterances_wav, width_px):
    with open_page(server.url) as page:
        size = {"width": width_px, "height": 844, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        page.wait_for_model()
        page.pick_file(two_utterances_wav)
        page.wait_for_rows(2)
        assert page.driver.execute_script(WIDTH) <= width_px
        page.analyse()
        assert page.driver.execute_script(WIDTH) <= width_px


def test_the_page_asks_nobody_else_for_anything(server, open_page):
    with open_page(server.url) as page:
        page.wait_for_model()
        asked = page.driver.execute_script(
            "return performance.getEntriesByType('resource').map(({ name }) => name)"
        )
        assert asked
        assert all(name.startswith(f"{server.url}/") for name in asked), asked
