"""``Microphone.start`` and ``stop`` in every order: nothing records that nobody has asked to.

The sleeps in the scripts are how long a recording is watched; the order is made by the calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from listening_page import ListeningPage

SET_UP = """
const done = arguments[arguments.length - 1];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const tracks = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
let answer = () => {};
let isAsked = () => {};
const asked = new Promise((resolve) => (isAsked = resolve));
const hold = new Promise((resolve) => (answer = resolve));
let isHeld = false;
navigator.mediaDevices.getUserMedia = async (constraints) => {
  isAsked();
  if (isHeld) await hold;
  const stream = await open(constraints);
  tracks.push(...stream.getTracks());
  return stream;
};
const live = () => tracks.filter(({ readyState }) => readyState === "live").length;
const run = async () => {
  const { Microphone } = await import("/client/microphone.js");
  const microphone = new Microphone();
  const outcome = () => microphone.start().then(() => "started", ({ code }) => code);
  let frames = 0;
  microphone.on("frame", () => (frames += 1));
"""
TEAR_DOWN = """
};
run().then(done, (error) => done(`failed: ${error.stack}`)).finally(() => {
  navigator.mediaDevices.getUserMedia = open;
  for (const track of tracks) track.stop();
});
"""


@pytest.fixture
def run(server, open_page) -> Any:
    with open_page(server.url) as page:

        def in_page(script: str) -> Any:
            return page.driver.execute_async_script(SET_UP + script + TEAR_DOWN)

        yield in_page


Run = Callable[[str], Any]


def test_a_stop_while_the_person_is_asked_lets_go_of_the_device(run: Run):
    code, live, frames = run("""
  isHeld = true;
  const started = outcome();
  await asked;
  await microphone.stop();
  answer();
  const how = await started;
  await wait(500);
  return [how, live(), frames];
""")
    assert (code, live, frames) == ("ended", 0, 0)


def test_a_start_after_that_stop_is_a_start(run: Run):
    first, live, frames = run("""
  isHeld = true;
  const started = outcome();
  await asked;
  await microphone.stop();
  const again = microphone.start();
  answer();
  await again;
  const how = await started;
  await wait(1000);
  const found = [how, live(), frames];
  await microphone.stop();
  return found;
""")
    assert (first, live) == ("ended", 1)
    assert frames > 0


def test_two_starts_are_one_recording(run: Run):
    count, frames, left = run("""
  await Promise.all([microphone.start(), microphone.start()]);
  frames = 0;
  const from = performance.now();
  await wait(2000);
  const perSecond = (frames * 1000) / (performance.now() - from);
  const count = tracks.length;
  await microphone.stop();
  return [count, perSecond, live()];
""")
    assert (count, left) == (1, 0)
    # A frame is 100 ms of sound.
    assert frames < 15


def test_a_start_during_a_stop_waits_for_it(run: Run):
    live, frames, left = run("""
  await microphone.start();
  void microphone.stop();
  await microphone.start();
  frames = 0;
  await wait(1000);
  const found = [live(), frames];
  await microphone.stop();
  return [...found, live()];
""")
    assert (live, left) == (1, 0)
    assert frames > 0


def test_two_stops_do_not_end_the_next_recording(run: Run):
    live, frames = run("""
  await microphone.start();
  void microphone.stop();
  await microphone.stop();
  await microphone.start();
  await wait(800);
  frames = 0;
  await wait(1000);
  const found = [live(), frames];
  await microphone.stop();
  return found;
""")
    assert live == 1
    assert frames > 0


def test_a_stop_right_behind_a_start_leaves_nothing_recording(run: Run):
    how, live = run("""
  const started = outcome();
  await microphone.stop();
  return [await started, live()];
""")
    assert (how, live) == ("ended", 0)


def test_a_start_that_waits_for_another_is_stopped_too(run: Run):
    first, second, live = run("""
  isHeld = true;
  const started = outcome();
  await asked;
  await microphone.stop();
  const again = outcome();
  await microphone.stop();
  answer();
  return [await started, await again, live()];
""")
    assert (first, second, live) == ("ended", "ended", 0)


def test_a_device_that_goes_while_it_is_opened_is_said_to_have_ended(run: Run):
    how, told = run("""
  const told = [];
  microphone.on("ended", ({ code }) => told.push(code));
  const load = AudioWorklet.prototype.addModule;
  AudioWorklet.prototype.addModule = async function (url) {
    await load.call(this, url);
    tracks[0].dispatchEvent(new Event("ended"));
  };
  const how = await outcome();
  AudioWorklet.prototype.addModule = load;
  return [how, told];
""")
    assert (how, told) == ("ended", ["ended"])


def test_a_recording_that_is_interrupted_is_told_and_goes_on(run: Run):
    told, goes_on = run("""
  const Plain = AudioContext;
  const contexts = [];
  window.AudioContext = class extends Plain {
    constructor(...how) {
      super(...how);
      contexts.push(this);
    }
  };
  const told = [];
  const isBack = new Promise((resolve) => {
    microphone.on("muted", (isMuted) => told.push(isMuted) === 2 && resolve());
  });
  await microphone.start();
  window.AudioContext = Plain;
  await contexts[0].suspend();
  await Promise.race([isBack, wait(5000)]);
  const heard = new Promise((resolve) => microphone.on("frame", () => resolve(true)));
  const goesOn = await Promise.race([heard, wait(5000)]);
  await microphone.stop();
  return [told, goesOn];
""")
    assert told == [True, False]
    assert goes_on


def test_a_device_that_is_silenced_before_it_is_opened_is_told(run: Run):
    told = run("""
  const told = [];
  microphone.on("muted", (isMuted) => told.push(isMuted));
  const plain = Object.getOwnPropertyDescriptor(MediaStreamTrack.prototype, "muted");
  const silenced = { get: () => true, configurable: true };
  Object.defineProperty(MediaStreamTrack.prototype, "muted", silenced);
  await microphone.start();
  Object.defineProperty(MediaStreamTrack.prototype, "muted", plain);
  tracks[0].dispatchEvent(new Event("unmute"));
  await microphone.stop();
  return told;
""")
    assert told == [True, False]


def test_a_client_piped_to_a_running_microphone_is_told_what_it_does(run: Run):
    told = run("""
  await microphone.start();
  let told = null;
  microphone.pipe({ describeSource: (settings) => (told = settings), send() {} });
  await microphone.stop();
  return told;
""")
    assert told["sampleRate"] > 0


METER = """
  await import("/client/meter.js");
  const meter = document.createElement("intone-meter");
  meter.setAttribute("url", "/");
  document.body.append(meter);
  const shown = (name) => meter.shadowRoot.querySelector(`[part=${name}]`);
  const status = meter.shadowRoot.querySelector("[role=status]");
"""


def test_an_element_that_is_taken_away_at_once_does_not_listen(run: Run):
    live = run(f"""{METER}
  const started = meter.toggle();
  meter.remove();
  await started;
  return live();
""")
    assert live == 0


def test_an_element_that_is_taken_away_while_it_starts_does_not_listen(run: Run):
    live, sockets = run("""
  await import("/client/meter.js");
  const sockets = [];
  const Plain = WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...how) {
      super(...how);
      sockets.push(this);
    }
  };
  isHeld = true;
  const meter = document.createElement("intone-meter");
  meter.setAttribute("url", "/");
  document.body.append(meter);
  meter.shadowRoot.querySelector("button").click();
  await asked;
  meter.remove();
  answer();
  await wait(1000);
  window.WebSocket = Plain;
  return [live(), sockets.length];
""")
    assert (live, sockets) == (0, 0)


def test_the_element_tells_a_screen_reader_what_is_final_and_nothing_in_between(run: Run):
    said, types, level = run(f"""{METER}
  const said = [];
  const observer = new MutationObserver(() => said.push(status.textContent));
  observer.observe(status, {{ childList: true, characterData: true, subtree: true }});
  const types = [];
  const result = new Promise((resolve) => meter.addEventListener("intone", ({{ detail }}) => {{
    types.push(detail.type);
    if (detail.type === "utterance.result") resolve();
  }}));
  await meter.toggle();
  await Promise.race([result, wait(25000)]);
  await meter.toggle();
  const found = [said, types, shown("level").value];
  meter.remove();
  return found;
""")
    assert types.count("utterance.interim") > 1
    assert types.count("utterance.result") > 0
    assert sum("Gender" in one for one in said) == types.count("utterance.result")
    assert "Listening." in said
    assert level == 0


def test_an_element_that_is_stopped_before_it_has_heard_anything_says_so(run: Run):
    label, note, button = run(f"""{METER}
  await meter.toggle();
  await meter.toggle();
  const found = ["label", "note", "button"].map((name) => shown(name).textContent);
  meter.remove();
  return found;
""")
    assert label != "…"
    assert "Listening" not in note
    assert button == "Start"


def test_an_element_says_aloud_why_it_does_not_listen(run: Run):
    said = run(f"""{METER}
  navigator.mediaDevices.getUserMedia = async () => {{
    throw new DOMException("", "NotAllowedError");
  }};
  await meter.toggle();
  meter.remove();
  return status.textContent;
""")
    assert "blocked" in said


def test_an_element_s_prompt_that_is_not_answered_can_be_given_up(run: Run):
    words = run(f"""{METER}
  isHeld = true;
  const words = [];
  const press = () => meter.shadowRoot.querySelector("button").click();
  const say = () => words.push(shown("button").textContent);
  press();
  await asked;
  say();
  press();
  while (shown("button").textContent !== "Start") await wait(5);
  isHeld = false;
  await meter.toggle();
  say();
  // The first prompt is answered at last: what is heard by now goes on.
  answer();
  while (tracks.length < 2) await wait(5);
  say();
  await meter.toggle();
  say();
  meter.remove();
  return [...words, live()];
""")
    assert words == ["Cancel", "Stop", "Stop", "Start", 0]


def test_the_end_of_one_session_leaves_the_button_of_the_next_alone(run: Run):
    button = run(f"""{METER}
  const send = WebSocket.prototype.send;
  const held = [];
  WebSocket.prototype.send = function (data) {{
    if (String(data).includes("session.close")) held.push(() => send.call(this, data));
    else send.call(this, data);
  }};
  await meter.toggle();
  const stopped = meter.stop();
  await meter.toggle();
  WebSocket.prototype.send = send;
  held[0]();
  await stopped;
  const found = shown("button").textContent;
  await meter.toggle();
  meter.remove();
  return found;
""")
    assert button == "Stop"


def test_the_button_keeps_the_focus_and_a_cleared_list_fills_again(server, open_page):
    with open_page(server.url) as page:
        page.wait_for_model()
        page.driver.execute_script("document.querySelector('#listen').focus()")
        page.start_microphone()
        assert focused(page) == "listen"
        page.wait_for_rows(1)
        page.press("#clear")
        page.until(lambda: not page.rows(), "an empty list")
        assert focused(page) == "listen", "the button that was pressed is gone"
        page.wait_for_rows(1)
        page.stop()
        assert focused(page) == "listen"


def focused(page: ListeningPage) -> str:
    return str(page.driver.execute_script("return document.activeElement.id"))


def test_a_device_that_is_gone_is_told_whatever_class_the_error_is_of(run):
    # Safari's is neither an Error nor a DOMException.
    told = run("""
        navigator.mediaDevices.getUserMedia = async () => {
          throw { name: "OverconstrainedError", constraint: "deviceId" };
        };
        return await microphone.start().catch(({ code, message }) => [code, message]);
    """)
    assert told == ["missing", "The chosen microphone is not connected any more."]
