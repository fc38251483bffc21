"""Half an hour of microphone in Chromium: memory, what was dropped, and what the page costs.

No test of the suite, for it takes as long as it says. From the checkout:
``python tests/browser/soak.py MICROPHONE.wav [MINUTES]``; it prints a line a minute, and the
exit code says whether the page stayed within its limits. The file is what the fake device plays
over and over: 48 kHz.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

SETTLED_MINUTES = 6
"""The page keeps four minutes of audio; until then memory must grow."""
MAX_GROWTH_MB = 10.0
MAX_CPU_SHARE = 0.1
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
COUNT_ROWS = "return document.querySelectorAll('#utterances [data-state=result]').length"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the page has used so far."""

    heap_mb: float
    anonymous_mb: float
    """Of the renderer processes: audio buffers and canvases are not on the JavaScript heap."""
    main_thread_s: float
    renderer_s: float
    """Processor time of all threads of the renderer, the audio thread among them."""


def descendants(pid: int) -> Iterator[int]:
    """Every process below ``pid``."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    for child in map(int, found.stdout.split()):
        yield child
        yield from descendants(child)


def renderers(driver_pid: int) -> list[Path]:
    """The /proc folders of the renderers of pages; the browser's own interface has one too."""
    folders = [Path(f"/proc/{pid}") for pid in descendants(driver_pid)]
    commands = {folder: (folder / "cmdline").read_bytes() for folder in folders}
    found = [
        folder
        for folder, command in commands.items()
        if b"--type=renderer" in command and b"--top-chrome-webui" not in command
    ]
    if not found:
        raise RuntimeError("no process of the browser says that it renders a page")
    return found


def sample(driver: webdriver.Chrome, processes: list[Path]) -> Sample:
    """Measure after a collection, so that garbage does not count."""
    driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    values = {metric["name"]: metric["value"] for metric in metrics}
    ticks = anonymous_kb = 0
    for process in processes:
        ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        found = re.search(r"RssAnon:\s+(\d+)", (process / "status").read_text())
        anonymous_kb += int(found[1]) if found else 0
    return Sample(
        heap_mb=values["JSHeapUsedSize"] / 2**20,
        anonymous_mb=anonymous_kb / 1024,
        main_thread_s=values["TaskDuration"],
        renderer_s=ticks / os.sysconf("SC_CLK_TCK"),
    )


def open_browser(microphone: Path) -> webdriver.Chrome:
    """A browser that hears the file."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--use-file-for-fake-audio-capture={microphone.resolve()}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def soak(driver: webdriver.Chrome, url: str, minutes: int) -> list[tuple[Sample, str]]:
    """Listen, and measure once a minute: the sample, and what the page says of its traffic."""
    driver.get(url)
    processes = renderers(driver.service.process.pid)
    # In processor time of the thread: on a busy machine a task waits, and wall time counts that.
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    driver.find_element("id", "listen").click()
    samples = []
    started_s = time.monotonic()
    for minute in range(minutes + 1):
        time.sleep(max(0.0, started_s + 60 * minute - time.monotonic()))
        now = sample(driver, processes)
        said = driver.find_element("id", "traffic").text
        samples.append((now, said))
        rows = driver.execute_script(COUNT_ROWS)
        state = driver.find_element("id", "connection").text
        print(f"{minute:3} min  {now}  rows={rows}  {state}  {said}", flush=True)
    return samples


def verdict(samples: list[tuple[Sample, str]], minutes: int) -> bool:
    """Print the figures that count, and say whether they are within their limits."""
    last = samples[-1][0]
    settled = [one for one, _ in samples[SETTLED_MINUTES:]] or [last]
    seconds = 60 * minutes
    first = samples[0][0]
    main = (last.main_thread_s - first.main_thread_s) / seconds
    whole = (last.renderer_s - first.renderer_s) / seconds
    heap = max(s.heap_mb for s in settled) - min(s.heap_mb for s in settled)
    anonymous = settled[-1].anonymous_mb - settled[0].anonymous_mb
    dropped = any("not sent" in said for _, said in samples)
    print(f"after minute {SETTLED_MINUTES}: heap within {heap:.1f} MB, process {anonymous:+.1f} MB")
    print(f"main thread {main:.1%} of a core, renderer process {whole:.1%}; dropped: {dropped}")
    return (
        heap <= MAX_GROWTH_MB and anonymous <= MAX_GROWTH_MB and main < MAX_CPU_SHARE
    ) and not dropped


def main() -> int:
    """Run against a server of its own."""
    microphone, minutes = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 30
    command = [sys.executable, "-m", "intone", "serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        # The first line tells the address, once it listens.
        url = server.stdout.readline().split()[-1]
        driver = open_browser(microphone)
        try:
            return 0 if verdict(soak(driver, url, minutes), minutes) else 1
        finally:
            driver.quit()
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
