/** The page's small print: connection, notice, and what the session measures of itself. */

import { clock } from "./words.js";

/**
 * @typedef {object} Facts
 * @property {number} [audioMs] audio shown so far
 * @property {number} [lagMs] how far the server is behind
 * @property {number} [droppedMs] audio that could not be sent
 */

/** Says what is going on, in the places that the page has for it. */
export class StatusBoard {
  /** @type {{connection: HTMLElement, notice: HTMLElement, elapsed: HTMLElement, traffic: HTMLElement}} */
  #places;
  /** @type {Facts} */ #facts = {};

  /**
   * @param {{connection: HTMLElement, notice: HTMLElement, elapsed: HTMLElement, traffic: HTMLElement}} places
   */
  constructor(places) {
    this.#places = places;
  }

  /**
   * @param {string} words
   * @param {string} state for the colour
   */
  status(words, state) {
    this.#places.connection.textContent = words;
    this.#places.connection.dataset.state = state;
  }

  /** @param {string} sentence empty for nothing to say */
  notify(sentence) {
    this.#places.notice.textContent = sentence;
    this.#places.notice.hidden = sentence === "";
  }

  /** @param {Facts} news what is new; the rest stays as it was */
  show(news) {
    this.#facts = { ...this.#facts, ...news };
    const { audioMs = 0, lagMs, droppedMs = 0 } = this.#facts;
    const lag = lagMs === undefined ? "" : `server lag ${lagMs} ms`;
    const dropped = droppedMs === 0 ? "" : `${(droppedMs / 1_000).toFixed(1)} s not sent`;
    this.#places.elapsed.textContent = clock(audioMs);
    this.#places.traffic.textContent = [dropped, lag].filter(Boolean).join(" · ");
  }

  /** A new session measures anew. */
  restart() {
    this.#facts = {};
    this.show({});
  }
}
