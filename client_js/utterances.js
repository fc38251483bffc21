/** The list of utterances; nothing in here knows where they come from. */

import { ScoreBars, element } from "./render.js";
import {
  clock,
  discardReason,
  endReason,
  genderWords,
  labelName,
  nearestWords,
  percent,
} from "./words.js";

/** @typedef {import("./wire.js").Decision} Decision */
/** @typedef {import("./wire.js").UtteranceResult} UtteranceResult */
/** @typedef {import("./wire.js").UtteranceInterim} UtteranceInterim */
/** @typedef {import("./wire.js").UtteranceStarted} UtteranceStarted */
/** @typedef {import("./wire.js").UtteranceDiscarded} UtteranceDiscarded */

/** An hour or so of talk; a page with more rows becomes slow. */
const KEPT_ROWS = 500;

/** The utterances so far, newest first, in a group for each session. */
export class UtteranceList {
  /** @type {HTMLElement} */ #box;
  /** @type {HTMLElement} rows of the newest session */ #group = element("ol", "");
  /** @type {Map<number, HTMLElement>} rows of utterances that still run */ #running = new Map();

  /** @param {HTMLElement} box */
  constructor(box) {
    this.#box = box;
  }

  /** @param {string} title of what is listened to from now on */
  begin(title) {
    this.#group = element("ol", "");
    this.#group.setAttribute("reversed", "");
    this.#box.prepend(element("section", "group", element("h3", "", title), this.#group));
  }

  /** @param {UtteranceStarted} event */
  start({ utterance_id: id, start_ms: startMs }) {
    const row = element("li", "utterance", timeSpan(`${clock(startMs)} –`), saying("Listening…"));
    row.dataset.state = "running";
    this.#running.set(id, row);
    this.#add(row);
  }

  /** @param {UtteranceInterim} event */
  interim(event) {
    const row = this.#running.get(event.utterance_id);
    if (!row) return;
    row.dataset.label = event.emotion.label;
    row.replaceChildren(
      timeSpan(`${clock(event.start_ms)} –`),
      saying(`${labelName(event.emotion.label)} so far`),
    );
  }

  /** @param {UtteranceResult} event */
  finish(event) {
    const row = this.#take(event.utterance_id);
    row.dataset.state = "result";
    row.dataset.label = event.emotion.label;
    row.replaceChildren(resultDetails(event));
  }

  /** @param {UtteranceDiscarded} event */
  discard({ utterance_id: id, start_ms: startMs, end_ms: endMs, reason }) {
    const row = this.#take(id);
    row.dataset.state = "discarded";
    row.dataset.reason = reason;
    delete row.dataset.label;
    row.replaceChildren(
      timeSpan(`${clock(startMs)} – ${clock(endMs)}`),
      saying(`Left out: ${discardReason(reason)}`),
    );
  }

  /** The session is gone, and what was running in it with it. */
  abandon() {
    for (const id of [...this.#running.keys()]) {
      const row = this.#take(id);
      row.dataset.state = "discarded";
      delete row.dataset.label;
      row.querySelector(".saying")?.replaceChildren("Left out: the connection was lost");
    }
  }

  clear() {
    this.#running.clear();
    this.#group = element("ol", "");
    this.#box.replaceChildren();
  }

  /** @param {HTMLElement} row */
  #add(row) {
    this.#group.prepend(row);
    const rows = this.#box.querySelectorAll("li.utterance");
    if (rows.length > KEPT_ROWS) rows[rows.length - 1].remove();
  }

  /** @param {number} id */
  #take(id) {
    const row = this.#running.get(id);
    this.#running.delete(id);
    if (row) return row;
    const late = element("li", "utterance");
    this.#add(late);
    return late;
  }
}

/** @param {UtteranceResult} event */
function resultDetails(event) {
  const { start_ms: startMs, end_ms: endMs, emotion, gender } = event;
  const details = element("details", "");
  const summary = element("summary", "");
  const label = element("strong", "utterance-label", labelName(emotion.label));
  const head = element(
    "span",
    "utterance-head",
    label,
    element("span", "confidence", percent(emotion.confidence)),
  );
  summary.append(
    timeSpan(`${clock(startMs)} – ${clock(endMs)}`),
    head,
    distribution(emotion),
    element("span", "utterance-gender", genderWords(gender)),
    element("span", "utterance-reason", reasonWords(event)),
  );
  const bars = element("div", "questions", staticBars(emotion), staticBars(gender));
  details.append(summary, bars, answered(event));
  return details;
}

/** @param {UtteranceResult} event */
function reasonWords({ reason, emotion, continues }) {
  const joined = continues == null ? "" : "goes on from the one before";
  return [nearestWords(emotion), endReason(reason), joined].filter(Boolean).join(" · ");
}

/** @param {UtteranceResult} event */
function answered({ model, latency_ms: latencyMs }) {
  const late = latencyMs == null ? "" : `, ${Math.round(latencyMs)} ms after the end was heard`;
  return element("p", "hint", `By ${model}${late}.`);
}

/** @param {Decision} decision as one bar cut by colour; the numbers are in the details below it */
function distribution({ scores }) {
  const bar = element("span", "distribution");
  bar.setAttribute("aria-hidden", "true");
  for (const [label, score] of Object.entries(scores)) {
    const part = element("span", "part");
    part.dataset.label = label;
    part.style.setProperty("--share", score.toFixed(3));
    bar.append(part);
  }
  return bar;
}

/** @param {Decision} decision */
function staticBars(decision) {
  const list = element("ul", "scores");
  const bars = new ScoreBars(list);
  bars.setLabels(Object.keys(decision.scores));
  bars.show(decision);
  return list;
}

/** @param {string} text */
function timeSpan(text) {
  return element("span", "time", text);
}

/** @param {string} text */
function saying(text) {
  return element("span", "saying", text);
}
