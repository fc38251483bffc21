/** What all utterances so far come to. */

import { ranked } from "./history.js";
import { paint } from "./labels.js";
import { element } from "./render.js";
import { labelName, summaryWords } from "./words.js";

/** A sentence, a bar cut by emotion, and the labels with their counts. */
export class SummaryView {
  /** @type {HTMLElement} */ #words;
  /** @type {HTMLElement} */ #bar;
  /** @type {HTMLElement} */ #labels;

  /**
   * @param {HTMLElement} words
   * @param {HTMLElement} bar
   * @param {HTMLElement} labels
   */
  constructor(words, bar, labels) {
    this.#words = words;
    this.#bar = bar;
    this.#labels = labels;
  }

  /** @param {import("./history.js").Summary} summary */
  show(summary) {
    const emotions = ranked(summary.emotions);
    this.#words.textContent = summaryWords(summary);
    this.#bar.replaceChildren(
      ...emotions.map(([label, count]) => {
        const part = element("span", "part");
        paint(part, label);
        part.style.setProperty("--share", (count / summary.results).toFixed(3));
        return part;
      }),
    );
    this.#labels.replaceChildren(
      ...[...emotions, ...ranked(summary.genders)].map(([label, count]) => {
        const item = element("li", "count", `${labelName(label)} ${count}`);
        paint(item, label);
        return item;
      }),
    );
  }
}
