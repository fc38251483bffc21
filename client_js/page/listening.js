/** Listening to a microphone or a file; loaded once the page stands. */

import { ClientState, IntoneClient } from "../client.js";
import { decodeFile, streamFile } from "../file.js";
import { Microphone } from "../microphone.js";
import { WIRE_BYTES_PER_MS } from "../worklet.js";
import { byId } from "./dom.js";
import { Log } from "./log.js";
import { Verdict } from "./render.js";
import { Scope } from "./scope.js";
import { notify, showFacts, showStatus } from "./status.js";
import { connectionWords, spokenResult } from "./words.js";

/** Often enough to feel live, seldom enough to read. */
const INTERIM_MS = 300;
/** What a microphone's audio may take in memory: 8 MB. */
const KEPT_LIVE_MS = 4 * 60_000;
/** What a file's may: 58 MB, until the next one. */
const KEPT_FILE_MS = 30 * 60_000;

/** @enum {"idle" | "starting" | "listening" | "stopping"} */
const Phase = Object.freeze({
  IDLE: "idle",
  STARTING: "starting",
  LISTENING: "listening",
  STOPPING: "stopping",
});

/** @type {Record<Phase, string>} */
const BUTTON_WORDS = {
  idle: "Start microphone",
  starting: "Cancel",
  listening: "Stop",
  stopping: "Finishing…",
};

/** Whatever happens is shown by this class, or said. */
export class Listening {
  #phase = /** @type {Phase} */ (Phase.IDLE);
  #log = new Log();
  #history = this.#log.history;
  /** @type {HTMLButtonElement} */ #button = byId("listen");
  /** @type {HTMLButtonElement} */ #mute = byId("mute");
  /** @type {HTMLSelectElement} */ #device = byId("device");
  /** @type {HTMLInputElement} */ #echo = byId("echo");
  /** @type {HTMLInputElement} */ #file = byId("file");
  #scope = new Scope();
  #verdict = new Verdict();
  #source = "";
  /** @type {{audioMs: number, lagMs?: number, droppedMs?: number}} */ #facts = { audioMs: 0 };
  /** @type {IntoneClient | null} */ #client = null;
  /** @type {Microphone | null} */ #microphone = null;
  #abort = new AbortController();
  /** What to say of a microphone that is silent. */
  #quiet = "";

  /**
   * @param {import("./models.js").ModelChooser} models
   * @param {import("./render.js").ScoreBars} emotions
   * @param {import("./render.js").ScoreBars} genders
   */
  constructor(models, emotions, genders) {
    this.models = models;
    this.emotions = emotions;
    this.genders = genders;
    this.#mute.addEventListener("click", () => this.#toggleMute());
    void this.#listDevices();
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#listDevices());
  }

  // --- what the person does ------------------------------------------------------------

  /**
   * The button: starts the microphone, or stops whatever is heard or waited for: a browser may ask
   * the person for ever.
   *
   * @param {number} clicks a double click is one: its second would undo the first
   */
  async toggle(clicks) {
    if (clicks > 1) return;
    if (this.#phase === Phase.IDLE) await this.#attempt(() => this.#hearMicrophone());
    else await this.#stop();
  }

  #toggleMute() {
    if (!this.#microphone) return;
    this.#microphone.mute(!this.#microphone.isMuted);
    this.#showMute();
  }

  /** @param {File} file picked or dropped */
  take(file) {
    if (this.#phase === Phase.IDLE) void this.#attempt(() => this.#hearFile(file));
    else notify("Stop listening first.");
  }

  // --- listening -----------------------------------------------------------------------

  /**
   * Whatever goes wrong on the way is said on the page, and everything is let go of.
   *
   * @param {() => Promise<void>} hear
   */
  async #attempt(hear) {
    notify("");
    this.#log.player.stop();
    const { signal } = (this.#abort = new AbortController());
    this.#quiet = "";
    // A file's input cannot keep it.
    this.#button.focus();
    this.#enter(Phase.STARTING);
    try {
      await hear();
    } catch (error) {
      // Stopped, it may end long after, when something else is heard.
      if (signal.aborted) return;
      notify(error instanceof Error ? error.message : String(error));
      await this.#stop();
    }
  }

  async #hearMicrophone() {
    const microphone = new Microphone({
      deviceId: this.#device.value,
      constraints: { echoCancellation: this.#echo.checked },
    });
    this.#microphone = microphone;
    this.#log.store.limit(KEPT_LIVE_MS);
    showStatus("Waiting for the microphone…", "busy");
    microphone.on("muted", (isMuted) =>
      notify((this.#quiet = isMuted ? "The microphone is muted or interrupted." : "")),
    );
    // First, so that no session is opened for a microphone that is refused.
    await microphone.start();
    void this.#listDevices();
    const client = this.#newClient("Microphone", true);
    client.describeSource(microphone.settings ?? {});
    /** @type {Error | null} */
    let ended = null;
    microphone.on("ended", (error) => {
      ended = error;
      if (this.#phase !== Phase.LISTENING) return;
      notify(error.message);
      void this.#stop();
    });
    await client.connect();
    if (ended) throw ended;
    microphone.on("frame", (frame) => {
      // What is recorded while the server is away is not heard.
      if (client.state === ClientState.OPEN) this.#show(frame);
      client.send(frame);
    });
    this.#enter(Phase.LISTENING);
  }

  /** @param {File} file */
  async #hearFile(file) {
    showStatus("Reading the file…", "busy");
    const { signal } = this.#abort;
    const audio = await decodeFile(file);
    signal.throwIfAborted();
    const mixed = audio.numberOfChannels > 1 ? ` (${audio.numberOfChannels} channels, mixed)` : "";
    this.#log.store.limit(KEPT_FILE_MS);
    const client = this.#newClient(`${file.name}${mixed}`, false);
    await client.connect();
    this.#enter(Phase.LISTENING);
    await streamFile(client, audio, { signal, onFrame: (frame) => this.#show(frame) });
    // Aborted, it has been stopped already, and something else may be running by now.
    if (!signal.aborted) await this.#stop();
  }

  async #stop() {
    if (this.#phase === Phase.STOPPING || this.#phase === Phase.IDLE) return;
    this.#enter(Phase.STOPPING);
    this.#abort.abort();
    await this.#microphone?.stop();
    await this.#client?.close();
    this.#microphone = null;
    this.#client = null;
    this.#history.abandon();
    this.#enter(Phase.IDLE);
    showStatus("Ready", "idle");
  }

  /**
   * @param {string} source in words
   * @param {boolean} reconnect a microphone goes on after a loss; half a file would be nothing
   */
  #newClient(source, reconnect) {
    this.#source = source;
    const client = new IntoneClient({
      url: this.models.baseUrl,
      model: this.models.chosen?.name,
      token: this.models.token,
      interimMs: INTERIM_MS,
      reconnect,
    });
    this.#client = client;
    this.#follow(client);
    return client;
  }

  /** @param {IntoneClient} client */
  #follow(client) {
    client.on("state", (change) => this.#connectionChanged(change));
    client.on("session.created", (created) => this.#begin(created));
    client.on("utterance.started", (event) => {
      const isAtEnd = client.session?.model.interims === false;
      this.#verdict.say(isAtEnd ? "Listening… This model answers at the pause." : "Listening…");
      this.#history.take(event);
    });
    client.on("utterance.interim", (event) => {
      this.#answer(event);
      this.#history.take(event);
    });
    client.on("utterance.result", (event) => {
      this.#answer(event);
      this.#history.take(event);
      byId("announcer").textContent = spokenResult(event);
    });
    client.on("utterance.discarded", (event) => {
      this.#verdict.say("Waiting for speech.");
      this.#history.take(event);
    });
    client.on("error", ({ message }) => notify(message));
    client.on("lag", ({ lag_ms: lagMs }) => (this.#facts.lagMs = lagMs));
    client.on("dropped", ({ ms, total_ms: droppedMs, at_ms: atMs }) => {
      this.#facts.droppedMs = droppedMs;
      if (atMs !== undefined) this.#history.skip(atMs, ms);
    });
  }

  /** @param {import("../client.js").StateChange} change */
  #connectionChanged(change) {
    const { state, error } = change;
    if (state === ClientState.OPEN) notify(this.#quiet);
    if (state === ClientState.WAITING) {
      this.#history.abandon();
      notify(error ? `Not connected: ${error.message}.` : "");
    }
    const isLive = state === ClientState.OPEN && this.#source === "Microphone";
    showStatus(isLive ? "Listening" : connectionWords(change), state);
    if (state === ClientState.CLOSED && error && this.#phase === Phase.LISTENING) {
      notify(`The connection ended: ${error.message}`);
      void this.#stop();
    }
  }

  /** @param {SessionCreated} created */
  #begin(created) {
    this.#facts = { audioMs: 0 };
    showFacts(this.#facts);
    this.#scope.restart();
    this.emotions.setLabels(created.model.emotions);
    this.genders.setLabels(created.model.genders);
    this.#verdict.clear("Waiting for speech.");
    this.#history.begin(created, this.#source, this.#log.store.endMs);
  }

  /** @param {ArrayBuffer} frame */
  #show(frame) {
    this.#log.push(frame);
    this.#facts.audioMs += frame.byteLength / WIRE_BYTES_PER_MS;
    this.#scope.push(frame);
    showFacts(this.#facts);
  }

  /** @param {Interim | Result} event */
  #answer(event) {
    this.emotions.show(event.emotion);
    this.genders.show(event.gender);
    this.#verdict.show(event);
  }

  // --- the rest ------------------------------------------------------------------------

  async #listDevices() {
    const devices = await Microphone.devices();
    const { value } = this.#device;
    const usual = new Option("The system’s choice", "");
    const options = devices.map(
      ({ deviceId, label }, n) => new Option(label || `Microphone ${n + 1}`, deviceId),
    );
    this.#device.replaceChildren(usual, ...options);
    this.#device.value = devices.some(({ deviceId }) => deviceId === value) ? value : "";
  }

  #showMute() {
    const isMuted = this.#microphone?.isMuted ?? false;
    this.#mute.hidden = this.#phase !== Phase.LISTENING || !this.#microphone;
    this.#mute.setAttribute("aria-pressed", String(isMuted));
    this.#mute.textContent = isMuted ? "Muted" : "Mute";
  }

  /** @param {Phase} phase */
  #enter(phase) {
    // Given up while it was connecting.
    if (phase === Phase.LISTENING && this.#phase !== Phase.STARTING) return;
    this.#phase = phase;
    const isIdle = phase === Phase.IDLE;
    this.#button.textContent = BUTTON_WORDS[phase];
    // Not `disabled`, which would take the focus away; `toggle` does nothing in this phase.
    this.#button.setAttribute("aria-disabled", String(phase === Phase.STOPPING));
    this.#device.disabled = this.#echo.disabled = this.#file.disabled = !isIdle;
    this.models.enable(isIdle);
    this.#showMute();
    document.body.dataset.phase = phase;
  }
}
