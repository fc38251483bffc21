"""The page at ``/`` as the browser tests see it: what a person can do and read there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

DEADLINE_S = 30.0
"""The speech takes 7 s; a machine at work on other things may take its time."""

READ_ROWS = """
const text = (row, part) => row.querySelector(part)?.textContent ?? "";
return [...document.querySelectorAll("#utterances li.utterance")].reverse().map((row) => ({
  state: row.dataset.state,
  label: row.dataset.label ?? "",
  confidence: text(row, ".confidence"),
  gender: text(row, ".utterance-gender"),
  time: text(row, ".time"),
  note: text(row, ".utterance-reason") || text(row, ".saying"),
}));
"""

DROP_FILE = """
const [name, text] = arguments;
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([bytes], name));
for (const type of ["dragover", "drop"]) {
  const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance on the page, oldest first."""

    state: str
    """``running``, ``result`` or ``discarded``."""
    label: str
    confidence: str
    gender: str
    time: str
    note: str


class ListeningPage:
    """An open page; every wait has a deadline and fails by naming what did not come."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        driver.get(url)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for ``condition()`` to hold, and return what it gave."""
        wait = WebDriverWait(self.driver, DEADLINE_S, poll_frequency=0.05)
        return wait.until(lambda _: condition(), f"{what}; the page says: {self.read('body')}")

    def read(self, selector: str) -> str:
        """Return the text a person sees there."""
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def rows(self, *states: str) -> list[Row]:
        """Return the utterances in one of ``states``, or all."""
        rows = [Row(**row) for row in self.driver.execute_script(READ_ROWS)]
        return [row for row in rows if not states or row.state in states]

    def wait_for_rows(self, count: int, state: str = "result") -> list[Row]:
        """Wait for at least ``count`` utterances in ``state``."""
        return self.until(
            lambda: (rows := self.rows(state)) and len(rows) >= count and rows,
            f"{count} with state {state}",
        )

    def wait_for_model(self) -> list[str]:
        """Wait for the list of models and what is loaded behind it; return the models' names."""
        listens = "return document.getElementById('device').options.length"
        self.until(lambda: self.driver.execute_script(listens), "the part that listens")
        names = "return [...document.getElementById('model').options].map(({ value }) => value)"
        return self.until(lambda: self.driver.execute_script(names), "a list of models")

    def wait_for_status(self, words: str) -> None:
        """Wait for the connection line to say ``words``, or more."""
        self.until(lambda: words in self.read("#connection"), f"status {words!r}")

    def press(self, selector: str) -> None:
        """Click it."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, selector: str, text: str) -> None:
        """Type into a field, and press Enter."""
        self.driver.find_element(By.CSS_SELECTOR, selector).send_keys(text, Keys.ENTER)

    def press_keys(self, *keys: str) -> None:
        """Press keys on whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def pick_file(self, path: Path) -> None:
        """Choose a file in the dialogue."""
        self.driver.find_element(By.ID, "file").send_keys(str(path))

    def choose_model(self, name: str) -> None:
        """Choose in the list."""
        self.driver.find_element(By.CSS_SELECTOR, f"#model option[value='{name}']").click()

    def analyse(self) -> None:
        """Look at the newest utterance closely."""
        self.press("#utterances .analyse")
        self.until(lambda: "Close" in self.read("#analysis"), "the analysis")

    def start_microphone(self) -> None:
        """Press the button, and wait until it listens."""
        self.press("#listen")
        self.wait_for_status("Listening")

    def stop(self) -> None:
        """Press the button, and wait until everything is finished."""
        self.press("#listen")
        self.wait_for_status("Ready")

    def console_errors(self) -> list[dict[str, Any]]:
        """Return what the browser logged as SEVERE since the last call."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
