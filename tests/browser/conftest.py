"""A real headless Chromium whose microphone is a WAV, on the page of a real server."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from listening_page import ListeningPage
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

MICROPHONE_RATE_HZ = 48_000
"""What Chromium's fake device runs at; another rate would be converted without a filter."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Nothing but the page under test is to use the network.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

OpenPage = Callable[..., AbstractContextManager[ListeningPage]]


@pytest.fixture(scope="session")
def chromium() -> tuple[str, str]:
    """The programs: browser and driver."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        pytest.skip("chromium and chromium-driver are not installed")
    return str(found[0]), str(found[1])


def write_microphone(path: Path, speech: np.ndarray, rate_hz: int) -> Path:
    """Write what the fake device plays over and over."""
    resampled = soxr.resample(speech, rate_hz, MICROPHONE_RATE_HZ)
    soundfile.write(path, resampled, MICROPHONE_RATE_HZ, "PCM_16")
    return path


@pytest.fixture(scope="session")
def microphone_wav(two_utterances_wav: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A man, a pause, a woman, a pause."""
    speech, rate_hz = soundfile.read(two_utterances_wav, dtype="float32")
    pause = np.zeros(rate_hz * 3 // 2, np.float32)
    folder = tmp_path_factory.mktemp("microphone")
    return write_microphone(folder / "speech.wav", np.concatenate([speech, pause]), rate_hz)


@pytest.fixture(scope="session")
def unbroken_wav(male_wav: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A man who never pauses."""
    speech, rate_hz = soundfile.read(male_wav, dtype="float32")
    [loud] = np.nonzero(np.abs(speech) > 0.02)
    folder = tmp_path_factory.mktemp("microphone")
    return write_microphone(folder / "unbroken.wav", speech[loud[0] : loud[-1]], rate_hz)


@pytest.fixture
def open_page(chromium: tuple[str, str], microphone_wav: Path) -> OpenPage:
    """Open the page: ``with open_page(url, may_listen=True, logs_errors=False) as page: …``.

    Unless the test says that it provokes errors, an error on the browser's console fails it;
    a breach of the content security policy is one.
    """

    @contextlib.contextmanager
    def start(
        url: str,
        *,
        may_listen: bool = True,
        logs_errors: bool = False,
        microphone: Path = microphone_wav,
        flags: tuple[str, ...] = (),
    ) -> Iterator[ListeningPage]:
        options = webdriver.ChromeOptions()
        options.binary_location, driver_path = chromium
        answer = "" if may_listen else "=deny"
        for flag in (
            *FLAGS,
            *flags,
            f"--use-fake-ui-for-media-stream{answer}",
            f"--use-file-for-fake-audio-capture={microphone}",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(driver_path))
        try:
            page = ListeningPage(driver, url)
            yield page
            if not logs_errors:
                assert page.console_errors() == []
        finally:
            driver.quit()

    return start
