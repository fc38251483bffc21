/** Puts an answer on the page: in large, and as bars. */

import { paint } from "./labels.js";
import { genderWords, labelName, nearestWords, percent } from "./words.js";

/** @typedef {import("../events").Answer} Answer */
/** @typedef {import("../events").Result} Result */
/** @typedef {import("../events").Interim} Interim */

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(string | Node)} content
 */
export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

/** Bars of one question's labels. */
export class ScoreBars {
  /** @type {HTMLElement} */ #list;
  /** @type {Map<string, {row: HTMLElement, value: HTMLElement}>} */ #rows = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {readonly string[]} labels in the order to show */
  setLabels(labels) {
    this.#rows.clear();
    this.#list.replaceChildren();
    for (const label of labels) {
      const value = element("span", "score-value", "–");
      const row = element("li", "score", element("span", "score-name", labelName(label)));
      row.append(element("span", "track", element("span", "fill")), value);
      paint(row, label);
      this.#list.append(row);
      this.#rows.set(label, { row, value });
    }
  }

  /** @param {Answer} decision */
  show({ label, scores }) {
    for (const [name, { row, value }] of this.#rows) {
      const score = scores[name] ?? 0;
      row.style.setProperty("--share", score.toFixed(3));
      row.classList.toggle("is-top", name === label);
      value.textContent = percent(score);
    }
  }

  clear() {
    for (const { row, value } of this.#rows.values()) {
      row.style.removeProperty("--share");
      row.classList.remove("is-top");
      value.textContent = "–";
    }
  }
}

/** The answer of the moment, in large. */
export class Verdict {
  /** @type {HTMLElement} */ #box;
  /** @type {HTMLElement} */ #label;
  /** @type {HTMLElement} */ #note;

  /**
   * @param {HTMLElement} box
   * @param {HTMLElement} label
   * @param {HTMLElement} note
   */
  constructor(box, label, note) {
    this.#box = box;
    this.#label = label;
    this.#note = note;
  }

  /** @param {Interim | Result} event */
  show({ type, emotion, gender }) {
    const isFinal = type === "utterance.result";
    paint(this.#box, emotion.label);
    this.#box.dataset.state = isFinal ? "result" : "running";
    this.#label.replaceChildren(
      labelName(emotion.label),
      element("span", "verdict-confidence", percent(emotion.confidence)),
    );
    const when = isFinal ? "last utterance" : "while speaking";
    const notes = [nearestWords(emotion), genderWords(gender), when];
    this.#note.textContent = notes.filter(Boolean).join(" · ");
  }

  /** Somebody speaks; with a model that answers at the end only, this is all until then. */
  wait() {
    this.#note.textContent = "Listening…";
  }

  /** What was spoken gets no answer. */
  end() {
    if (this.#box.dataset.state !== "result") this.clear("Waiting for speech.");
    else this.#note.textContent = "Waiting for speech.";
  }

  /** @param {string} note */
  clear(note) {
    paint(this.#box, "");
    this.#box.dataset.state = "";
    this.#label.textContent = "–";
    this.#note.textContent = note;
  }
}
