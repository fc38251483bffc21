/** The list of utterances, newest first, in a group for each session. */

import { paint } from "./labels.js";
import { element } from "./render.js";
import {
  clock,
  discardReason,
  endReason,
  genderWords,
  labelName,
  nearestWords,
  percent,
  utteranceWords,
} from "./words.js";

/** @typedef {import("./history.js").Utterance} Utterance */

/** More make a page slow; the rest is in the export. */
const KEPT_ROWS = 200;

/** @typedef {{play: (utterance: Utterance) => void, analyse: (utterance: Utterance) => void}} Actions */

export class UtteranceList {
  /** @type {HTMLElement} */ #box;
  /** @type {Actions} */ #actions;
  /** @type {HTMLElement} rows of the newest session */ #group = element("ol", "");
  /** @type {Map<Utterance, HTMLElement>} */ #rows = new Map();

  /**
   * @param {HTMLElement} box
   * @param {Actions} actions
   */
  constructor(box, actions) {
    this.#box = box;
    this.#actions = actions;
  }

  /** @param {import("./history.js").HeardSession} session */
  begin({ source, startedAt }) {
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
    row.replaceChildren(time(utterance), ...this.#content(utterance));
  }

  /** @param {object | null} playing the utterance that is played */
  highlight(playing) {
    for (const [utterance, row] of this.#rows) {
      const button = row.querySelector(".play");
      if (button) button.textContent = utterance === playing ? "Stop" : "Play";
    }
  }

  clear() {
    this.#rows.clear();
    this.#group = element("ol", "");
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
    const name = utteranceWords(utterance);
    const play = button("Play", "play", name, () => this.#actions.play(utterance));
    const analyse = button("Analyse", "analyse", name, () => this.#actions.analyse(utterance));
    return element("span", "utterance-actions", play, analyse);
  }

  /** @param {Utterance} utterance */
  #add(utterance) {
    const row = element("li", "utterance");
    this.#rows.set(utterance, row);
    this.#group.prepend(row);
    if (this.#rows.size > KEPT_ROWS) {
      const [oldest, last] = [...this.#rows][0];
      last.remove();
      this.#rows.delete(oldest);
    }
    return row;
  }
}

/**
 * @param {string} text
 * @param {string} className
 * @param {string} about what, for those who do not see the row
 * @param {() => void} act
 */
function button(text, className, about, act) {
  const made = element("button", `button quiet ${className}`, text);
  made.setAttribute("type", "button");
  made.setAttribute("aria-description", about);
  made.addEventListener("click", act);
  return made;
}

/** @param {Utterance} utterance */
function reasonWords({ reason, answer }) {
  if (!answer || answer.type !== "utterance.result") return "";
  const joined = answer.continues === undefined ? "" : "goes on from the one before";
  const late = answer.latency_ms === undefined ? "" : `after ${Math.round(answer.latency_ms)} ms`;
  return [nearestWords(answer.emotion), endReason(reason), late, joined].filter(Boolean).join(" · ");
}

/** @param {import("../events").Answer} answer as one bar cut by colour; the analysis has numbers */
function distribution({ scores }) {
  const bar = element("span", "distribution");
  bar.setAttribute("aria-hidden", "true");
  for (const [label, score] of Object.entries(scores)) {
    const part = element("span", "part");
    paint(part, label);
    part.style.setProperty("--share", score.toFixed(3));
    bar.append(part);
  }
  return bar;
}

/** @param {Utterance} utterance */
function time({ startMs, endMs }) {
  const end = Number.isFinite(endMs) ? ` ${clock(endMs)}` : "";
  return element("span", "time", `${clock(startMs)} –${end}`);
}

/** @param {string} text */
function saying(text) {
  return element("span", "saying", text);
}
