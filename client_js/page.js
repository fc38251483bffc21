/** The page at `/`: brings microphone or file, client and display together. */

import { ClientState, IntoneClient } from "./connection.js";
import { decodeFile, streamFile } from "./file.js";
import { LevelStrip } from "./meter.js";
import { Microphone } from "./microphone.js";
import { ModelChooser } from "./models.js";
import { FilePicker } from "./picker.js";
import { ScoreBars, Verdict } from "./render.js";
import { StatusBoard } from "./status.js";
import { UtteranceList } from "./utterances.js";
import { connectionWords, modelWords, spokenResult } from "./words.js";

/** Often enough to feel live, seldom enough to read. */
const INTERIM_MS = 300;

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
  starting: "Starting…",
  listening: "Stop",
  stopping: "Finishing…",
};

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

class Page {
  #phase = /** @type {Phase} */ (Phase.IDLE);
  #baseUrl = new URL(".", document.baseURI);
  #button = /** @type {HTMLButtonElement} */ (byId("listen"));
  #picker = new FilePicker(/** @type {HTMLInputElement} */ (byId("file")));
  #strip = new LevelStrip(byId("level"), /** @type {HTMLCanvasElement} */ (byId("strip")));
  #emotions = new ScoreBars(byId("emotions"));
  #genders = new ScoreBars(byId("genders"));
  #verdict = new Verdict(byId("verdict"), byId("verdict-label"), byId("verdict-note"));
  #list = new UtteranceList(byId("utterances"));
  #models = new ModelChooser(this.#baseUrl, {
    select: /** @type {HTMLSelectElement} */ (byId("model")),
    tokenForm: /** @type {HTMLFormElement} */ (byId("token-form")),
    tokenInput: /** @type {HTMLInputElement} */ (byId("token")),
  });
  #board = new StatusBoard({
    connection: byId("connection"),
    notice: byId("notice"),
    elapsed: byId("elapsed"),
    traffic: byId("traffic"),
  });
  #source = "";
  /** @type {IntoneClient | null} */ #client = null;
  /** @type {Microphone | null} */ #microphone = null;
  #abort = new AbortController();

  start() {
    this.#button.addEventListener("click", () => void this.#toggle());
    this.#picker.on("picked", (file) => this.#take(file));
    byId("clear").addEventListener("click", () => this.#clear());
    this.#models.on("failed", (sentence) => this.#board.notify(sentence));
    this.#models.on("changed", (model) => {
      this.#board.notify("");
      this.#emotions.setLabels(model.emotions);
      this.#genders.setLabels(model.genders);
      byId("model-about").textContent = modelWords(model);
    });
    this.#enter(Phase.IDLE);
    void this.#models.load();
  }

  async #toggle() {
    if (this.#phase === Phase.LISTENING) await this.#stop();
    else if (this.#phase === Phase.IDLE) await this.#attempt(() => this.#hearMicrophone());
  }

  /** @param {File} file */
  #take(file) {
    if (this.#phase === Phase.IDLE) void this.#attempt(() => this.#hearFile(file));
    else this.#board.notify("Stop listening first, then bring the file.");
  }

  /**
   * Whatever goes wrong on the way is said on the page, and everything is let go of.
   *
   * @param {() => Promise<void>} hear
   */
  async #attempt(hear) {
    this.#board.notify("");
    this.#abort = new AbortController();
    this.#enter(Phase.STARTING);
    try {
      await hear();
    } catch (error) {
      this.#board.notify(error instanceof Error ? error.message : String(error));
      await this.#stop();
    }
  }

  async #hearMicrophone() {
    const microphone = new Microphone();
    this.#microphone = microphone;
    this.#board.status("Waiting for the microphone…", "busy");
    // First, so that no session is opened for a microphone that is refused.
    await microphone.start();
    const client = await this.#connect("Microphone", true);
    microphone.on("frame", (frame) => {
      this.#show(frame);
      client.send(frame);
    });
    microphone.on("muted", (isMuted) =>
      this.#board.notify(isMuted ? "The microphone is muted." : ""),
    );
    microphone.on("ended", (error) => {
      this.#board.notify(error.message);
      void this.#stop();
    });
    this.#enter(Phase.LISTENING);
  }

  /** @param {File} file */
  async #hearFile(file) {
    this.#board.status("Reading the file…", "busy");
    const audio = await decodeFile(file);
    const mixed = audio.numberOfChannels > 1 ? ` (${audio.numberOfChannels} channels, mixed)` : "";
    const client = await this.#connect(`${file.name}${mixed}`, false);
    this.#enter(Phase.LISTENING);
    const { signal } = this.#abort;
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
    this.#list.abandon();
    this.#enter(Phase.IDLE);
    this.#board.status("Ready", "idle");
  }

  /**
   * @param {string} source in words
   * @param {boolean} reconnect a microphone goes on after a loss; half a file would be nothing
   */
  async #connect(source, reconnect) {
    this.#source = source;
    const client = new IntoneClient({
      url: this.#baseUrl,
      model: this.#models.chosen?.name,
      token: this.#models.token,
      interimMs: INTERIM_MS,
      reconnect,
    });
    this.#client = client;
    this.#follow(client);
    await client.connect();
    return client;
  }

  /** @param {IntoneClient} client */
  #follow(client) {
    client.on("state", (change) => this.#connectionChanged(change));
    client.on("session.created", () => this.#begin());
    client.on("utterance.started", (event) => {
      this.#strip.mark(event.utterance_id, event.start_ms, Infinity, "speech");
      this.#list.start(event);
    });
    client.on("utterance.interim", (event) => {
      this.#answer(event, Infinity);
      this.#list.interim(event);
    });
    client.on("utterance.result", (event) => {
      this.#answer(event, event.end_ms);
      this.#list.finish(event);
      byId("announcer").textContent = spokenResult(event);
    });
    client.on("utterance.discarded", (event) => {
      this.#strip.mark(event.utterance_id, event.start_ms, event.end_ms, "discarded");
      this.#list.discard(event);
    });
    client.on("error", ({ message }) => this.#board.notify(message));
    client.on("lag", ({ lag_ms: lagMs }) => this.#board.show({ lagMs }));
    client.on("dropped", ({ total_ms: droppedMs }) => this.#board.show({ droppedMs }));
  }

  /** @param {import("./connection.js").StateChange} change */
  #connectionChanged(change) {
    const { state, error } = change;
    if (state === ClientState.OPEN) this.#board.notify("");
    if (state === ClientState.WAITING) this.#list.abandon();
    const isListening = state === ClientState.OPEN && this.#source === "Microphone";
    this.#board.status(isListening ? "Listening" : connectionWords(change), state);
    if (state === ClientState.CLOSED && error && this.#phase === Phase.LISTENING) {
      this.#board.notify(`The connection ended: ${error.message}`);
      void this.#stop();
    }
  }

  #begin() {
    byId("log-empty").hidden = true;
    byId("clear").hidden = false;
    this.#strip.restart();
    this.#board.restart();
    this.#emotions.clear();
    this.#genders.clear();
    this.#verdict.clear("Waiting for speech.");
    this.#list.begin(`${this.#source} · ${new Date().toLocaleTimeString()}`);
  }

  /** @param {ArrayBuffer} frame */
  #show(frame) {
    this.#strip.push(frame);
    this.#board.show({ audioMs: this.#strip.audioMs });
  }

  /**
   * @param {import("./wire.js").UtteranceInterim | import("./wire.js").UtteranceResult} event
   * @param {number} endMs Infinity while it runs
   */
  #answer(event, endMs) {
    this.#strip.mark(event.utterance_id, event.start_ms, endMs, event.emotion.label);
    this.#emotions.show(event.emotion);
    this.#genders.show(event.gender);
    this.#verdict.show(event);
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.#phase = phase;
    const isIdle = phase === Phase.IDLE;
    this.#button.textContent = BUTTON_WORDS[phase];
    this.#button.disabled = phase === Phase.STARTING || phase === Phase.STOPPING;
    this.#picker.enable(isIdle);
    this.#models.enable(isIdle);
    document.body.dataset.phase = phase;
  }

  #clear() {
    this.#list.clear();
    byId("log-empty").hidden = false;
    byId("clear").hidden = true;
  }
}

new Page().start();
