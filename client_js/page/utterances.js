/** The list of utterances, newest first, in a group for each session. */

import { byId, button, element, paint } from "./dom.js";
import { distribution } from "./render.js";
import {
  clock,
  discardReason,
  genderWords,
  labelName,
  percent,
  reasonWords,
  utteranceWords,
} from "./words.js";

/** More make a page slow; the rest is in the export. */
const KEPT_ROWS = 100;

/** @typedef {(utterance: Utterance) => void} Act */

export class UtteranceList {
  #box = byId("utterances");
  /** Rows of the newest session. */
  #group = element("ol", "");
  /** @type {HeardSession | null} whose they are */ #session = null;
  /** @type {Map<Utterance, HTMLElement>} */ #rows = new Map();

  /** @param {{play: Act, analyse: Act}} actions */
  constructor(actions) {
    this.actions = actions;
  }

  /** @param {HeardSession} session of which there is a row now */
  #begin(session) {
    this.#session = session;
    const { source, startedAt } = session;
    this.#group = element("ol", "");
    this.#group.setAttribute("reversed", "");
    const title = element("h3", "", `${source} · ${startedAt.toLocaleTimeString()}`);
    this.#box.prepend(element("section", "group", title, this.#group));
  }

  /** @param {Utterance} utterance new, or changed */
  show(utterance) {
    const row = this.#rows.get(utterance) ?? this.#add(utterance);
    row.dataset.state = utterance.state;
    paint(row, utterance.answer?.emotion.label ?? "");
    const end = Number.isFinite(utterance.endMs) ? ` ${clock(utterance.endMs)}` : "";
    const time = element("span", "time", `${clock(utterance.startMs)} –${end}`);
    row.replaceChildren(time, ...this.#content(utterance));
  }

  /** @param {object | null} playing the utterance that is played */
  highlight(playing) {
    for (const [utterance, row] of this.#rows) {
      const play = row.querySelector(".play");
      if (play) play.textContent = utterance === playing ? "Stop" : "Play";
    }
  }

  clear() {
    this.#rows.clear();
    this.#session = null;
    this.#box.replaceChildren();
  }

  /** @param {Utterance} utterance */
  #content(utterance) {
    const { state, answer, reason } = utterance;
    if (state === "discarded") return [saying(`Left out: ${discardReason(reason)}`)];
    if (!answer) return [saying("Listening…")];
    if (state === "running") return [saying(`${labelName(answer.emotion.label)} so far`)];
    const label = element("strong", "utterance-label", labelName(answer.emotion.label));
    const confidence = element("span", "confidence", percent(answer.emotion.confidence));
    return [
      element("span", "utterance-head", label, confidence),
      distribution(answer.emotion),
      element("span", "utterance-gender", genderWords(answer.gender)),
      element("span", "utterance-reason", reasonWords(utterance)),
      this.#buttons(utterance),
    ];
  }

  /** @param {Utterance} utterance */
  #buttons(utterance) {
    const { play, analyse } = this.actions;
    const both = [
      button("Play", "button quiet play", () => play(utterance)),
      button("Analyse", "button quiet analyse", () => analyse(utterance)),
    ];
    for (const one of both) one.setAttribute("aria-description", utteranceWords(utterance));
    return element("span", "utterance-actions", ...both);
  }

  /** @param {Utterance} utterance */
  #add(utterance) {
    const row = element("li", "utterance");
    if (this.#session !== utterance.session) this.#begin(utterance.session);
    this.#rows.set(utterance, row);
    this.#group.prepend(row);
    if (this.#rows.size > KEPT_ROWS) {
      const [oldest, last] = [...this.#rows][0];
      const group = last.closest(".group");
      last.remove();
      this.#rows.delete(oldest);
      // Without rows its heading says nothing.
      if (group?.querySelector("li") === null) group.remove();
    }
    return row;
  }
}

/** @param {string} text */
function saying(text) {
  return element("span", "saying", text);
}
