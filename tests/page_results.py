"""What the page heard, read back from its export, and what ``intone analyze`` says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from listening_page import ListeningPage

HEAR_DOWNLOADS = """
window.downloads = [];
const make = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob) => {
  blob.text().then((text) => window.downloads.push(text));
  return make(blob);
};
"""


def analyze(*paths: Path) -> dict[str, list[dict]]:
    """What ``intone analyze`` says of files, by their name."""
    done = subprocess.run(
        [sys.executable, "-m", "intone", "analyze", "--format", "jsonl", *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    results: dict[str, list[dict]] = {path.name: [] for path in paths}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        results[Path(result["file"]).name].append(result)
    return results


def exported(page: ListeningPage, kind: str) -> str:
    """Press the button, and read the file that the page gave out; needs ``HEAR_DOWNLOADS``."""
    page.driver.execute_script("window.downloads.length = 0")
    page.press(f"#export-{kind}")
    page.until(lambda: page.driver.execute_script("return window.downloads.length"), "a download")
    return str(page.driver.execute_script("return window.downloads[0]"))


def results_of(text: str) -> list[dict]:
    """Read the finished utterances out of an export as JSON."""
    return [
        utterance
        for session in json.loads(text)["sessions"]
        for utterance in session["utterances"]
        if utterance["state"] == "result"
    ]
