/** Puts answers on the page: in large, as bars, and summed up. */

import { byId, colourName, element, paint } from "./dom.js";
import { genderWords, labelName, nearestWords, percent, ranked, summaryWords } from "./words.js";

/** Bars of one question's labels. */
export class ScoreBars {
  /** @type {Map<string, {row: HTMLElement, value: HTMLElement}>} */ #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {readonly string[]} labels in the order to show */
  setLabels(labels) {
    this.#rows.clear();
    this.list.replaceChildren();
    for (const label of labels) {
      const value = element("span", "score-value", "–");
      const bar = element("span", "track", element("span", "fill"));
      const name = element("span", "", labelName(label));
      const row = paint(element("li", "score", name, bar, value), label);
      this.list.append(row);
      this.#rows.set(label, { row, value });
    }
  }

  /** @param {Answer} answer */
  show({ label, scores }) {
    for (const [name, { row, value }] of this.#rows) {
      row.style.setProperty("--share", (scores[name] ?? 0).toFixed(3));
      row.classList.toggle("is-top", name === label);
      value.textContent = percent(scores[name] ?? 0);
    }
  }
}

/** The answer of the moment, in large. */
export class Verdict {
  #box = byId("verdict");
  #label = byId("verdict-label");
  #note = byId("verdict-note");

  /** @param {Interim | Result} event */
  show({ type, emotion, gender }) {
    const confidence = element("span", "verdict-confidence", percent(emotion.confidence));
    const when = type === "utterance.result" ? "last utterance" : "while speaking";
    paint(this.#box, emotion.label);
    this.#label.replaceChildren(labelName(emotion.label), confidence);
    const notes = [nearestWords(emotion), genderWords(gender), when];
    this.#note.textContent = notes.filter(Boolean).join(" · ");
  }

  /** @param {string} note until there is another answer; a model may have one at the end only */
  say(note) {
    this.#note.textContent = note;
  }

  /** @param {string} note */
  clear(note) {
    paint(this.#box, "");
    this.#label.textContent = "–";
    this.say(note);
  }
}

/** @param {Summary} summary of all utterances so far */
export function showSummary(summary) {
  const emotions = ranked(summary.emotions);
  const parts = emotions.map(([label, count]) => share(label, count / summary.results));
  const names = emotions.map(([label, count]) =>
    paint(element("li", "count", `${labelName(label)} ${count}`), label),
  );
  byId("summary-words").textContent = summaryWords(summary);
  byId("summary-bar").replaceChildren(...parts);
  byId("summary-labels").replaceChildren(...names);
}

/** @param {Answer} answer as one bar cut by colour; its numbers are in the analysis */
export function distribution({ scores }) {
  const parts = Object.entries(scores).map(([label, score]) => share(label, score));
  const bar = element("span", "distribution", ...parts);
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

/**
 * @param {string} label
 * @param {number} portion
 */
function share(label, portion) {
  const part = element("span", "part");
  // No custom properties: each element that sets one keeps a copy of all it inherits.
  part.style.background = `var(${colourName(label)})`;
  part.style.width = `${(100 * portion).toFixed(1)}%`;
  return part;
}
