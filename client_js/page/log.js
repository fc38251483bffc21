/** The log of what was heard: kept with its audio, listed, drawn, played, analysed, taken away. */

import { openAnalysis } from "./analysis.js";
import { AudioStore, Player } from "./audio.js";
import { byId } from "./dom.js";
// With all that listens, not at the click: the server may have been stopped by then.
import { save } from "./export.js";
import { History, keptMs } from "./history.js";
import { showSummary } from "./render.js";
import { notify } from "./status.js";
import { Timeline } from "./timeline.js";
import { UtteranceList } from "./utterances.js";

/** The views and buttons of the log; what it is told is in `history`. */
export class Log {
  history = new History();
  store = new AudioStore();
  player = new Player();

  /** @param {Utterance} utterance */
  #play = (utterance) => {
    const samples = this.#samplesOf(utterance);
    if (samples) this.player.toggle(utterance, samples);
    else notify("This utterance’s audio is no longer kept.");
  };

  /** @param {Utterance} utterance */
  #analyse = (utterance) =>
    openAnalysis(byId("analysis"), utterance, this.#samplesOf(utterance));

  #list = new UtteranceList({ play: this.#play, analyse: this.#analyse });
  #timeline = new Timeline(this.#play);

  constructor() {
    byId("clear").addEventListener("click", () => this.history.clear());
    for (const kind of /** @type {const} */ (["json", "csv"])) {
      byId(`export-${kind}`).addEventListener("click", () => save(this.history, kind));
    }
    this.#follow();
    this.player.on("changed", (playing) => {
      this.#timeline.highlight(playing);
      this.#list.highlight(playing);
    });
  }

  /** @param {ArrayBuffer} frame of what is listened to */
  push(frame) {
    const atMs = this.store.endMs;
    this.store.push(frame);
    this.#timeline.push(frame, atMs, this.store.startMs);
  }

  #follow() {
    this.history.on("utterance", (utterance) => {
      this.#list.show(utterance);
      this.#timeline.show(utterance);
      // An interim changes nothing of it.
      if (utterance.state !== "running" || !utterance.answer) this.#show();
    });
    this.history.on("cleared", () => {
      this.player.stop();
      this.#list.clear();
      this.#timeline.clear();
      this.#show();
      // The button that asked for it is hidden now, and would take the focus with it.
      byId("listen").focus();
    });
  }

  #show() {
    showSummary(this.history.summary());
    const isEmpty = !this.history.utterances.length;
    byId("log-empty").hidden = !isEmpty;
    byId("log-tools").hidden = byId("timeline").hidden = isEmpty;
  }

  /** @param {Utterance} utterance */
  #samplesOf({ session, startMs, endMs }) {
    return this.store.samples(keptMs(session, startMs), keptMs(session, endMs));
  }
}
