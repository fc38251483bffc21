"""What a microphone gives on the page, beside ``intone analyze``.

Without echo cancellation, which changes what is recorded before the page has it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from page_results import HEAR_DOWNLOADS, analyze, exported, results_of

KEEP_WHAT_IS_SENT = """
window.sent = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (message) {
  if (typeof message !== "string") window.sent.push(new Uint8Array(message.slice(0)));
  send.call(this, message);
};
"""
READ_SENT = """
const reader = new FileReader();
reader.onload = () => arguments[arguments.length - 1](reader.result.split(",")[1]);
reader.readAsDataURL(new Blob(window.sent));
"""
STARTS_MS = range(0, 20, 2)
"""The server hears in frames of 20 ms; where in one a file begins moves its scores by 0.06."""


def scores(utterance: dict) -> Iterator[tuple[str, float]]:
    for question in ("emotion", "gender"):
        for label, score in utterance[question]["scores"].items():
            yield f"{question} {label}", score


def from_each_start(wav: Path, folder: Path) -> list[list[dict]]:
    """What the file gives if its first milliseconds are missed: its utterances, for each start."""
    sound, rate_hz = soundfile.read(wav, dtype="int16")
    paths = [folder / f"from_{start_ms}_ms.wav" for start_ms in STARTS_MS]
    for path, start_ms in zip(paths, STARTS_MS, strict=True):
        soundfile.write(path, sound[start_ms * rate_hz // 1_000 :], rate_hz, "PCM_16")
    return list(analyze(*paths).values())


def test_a_microphone_gives_what_the_same_file_gives(server, open_page, microphone_wav, tmp_path):
    expected = from_each_start(microphone_wav, tmp_path)
    assert [len(utterances) for utterances in expected] == [2] * len(STARTS_MS)
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script(HEAR_DOWNLOADS)
        page.driver.execute_script(KEEP_WHAT_IS_SENT)
        page.press("#echo")
        page.start_microphone()
        page.wait_for_rows(2)
        page.stop()
        heard = results_of(exported(page, "json"))
        sent = base64.b64decode(page.driver.execute_async_script(READ_SENT))

    # To the digit, what the recorded sound gives, whatever the browser recorded...
    recorded = tmp_path / "recorded.wav"
    soundfile.write(recorded, np.frombuffer(sent, "<i2"), 16_000, "PCM_16")
    for one, other in zip(heard, analyze(recorded)[recorded.name], strict=True):
        assert one["end_ms"] == other["end_ms"]
        assert dict(scores(one)) == pytest.approx(dict(scores(other)), abs=0.001)
    # ... and that is what the file gives from one start or another.
    for n, one in enumerate(heard[:2]):
        for label, score in scores(one):
            of_file = [dict(scores(utterances[n]))[label] for utterances in expected]
            assert min(of_file) - 0.05 <= score <= max(of_file) + 0.05, (n, label, of_file)
        assert one["latency_ms"] < 150
