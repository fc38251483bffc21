/** Everything that was heard since the page was opened: pure, and the source of all its views. */

import { Emitter } from "../emitter.js";
import { UNSURE } from "../wire.js";

/** @typedef {import("../events").Result} Result */
/** @typedef {import("../events").Interim} Interim */
/** @typedef {import("../events").Discarded} Discarded */
/** @typedef {import("../events").Started} Started */

/** A working day of talk, a few megabytes. */
const KEPT_UTTERANCES = 5_000;

/**
 * @typedef {object} HeardSession
 * @property {number} number counts from 1
 * @property {string} source what was listened to
 * @property {Date} startedAt
 * @property {import("../events").SessionCreated} created
 */

/**
 * @typedef {object} Utterance
 * @property {HeardSession} session
 * @property {number} id
 * @property {"running" | "result" | "discarded"} state
 * @property {number} startMs
 * @property {number} endMs Infinity while it runs
 * @property {Interim | Result | null} answer the latest
 * @property {string} reason why it ended, or was left out
 */

/**
 * @typedef {object} Summary
 * @property {number} results
 * @property {number} discarded
 * @property {number} speechMs of results
 * @property {Record<string, number>} emotions results by label
 * @property {Record<string, number>} genders results by label
 */

/** @extends {Emitter<{session: HeardSession, utterance: Utterance, cleared: null}>} */
export class History extends Emitter {
  /** @type {HeardSession | null} */ session = null;
  /** @type {Utterance[]} oldest first */ utterances = [];
  /** @type {Map<number, Utterance>} of the latest session */ #running = new Map();
  /** Utterances that are not kept any more. */
  leftOut = 0;

  /**
   * @param {import("../events").SessionCreated} created
   * @param {string} source
   */
  begin(created, source) {
    const number = (this.session?.number ?? 0) + 1;
    this.session = { number, source, startedAt: new Date(), created };
    this.#running.clear();
    this.emit("session", this.session);
  }

  /** @param {Started | Interim | Result | Discarded} event of the latest session */
  take(event) {
    if (!this.session) return;
    const utterance = this.#running.get(event.utterance_id) ?? this.#add(this.session, event);
    if (event.type === "utterance.interim") utterance.answer = event;
    if (event.type === "utterance.result" || event.type === "utterance.discarded") {
      utterance.state = event.type === "utterance.result" ? "result" : "discarded";
      utterance.answer = event.type === "utterance.result" ? event : null;
      utterance.endMs = event.end_ms;
      utterance.reason = event.reason;
      this.#running.delete(utterance.id);
    }
    this.emit("utterance", utterance);
  }

  /** The session is gone, and what was running in it with it. */
  abandon() {
    for (const utterance of this.#running.values()) {
      Object.assign(utterance, { state: "discarded", answer: null, reason: "connection_lost" });
      utterance.endMs = utterance.startMs;
      this.emit("utterance", utterance);
    }
    this.#running.clear();
  }

  clear() {
    this.utterances = [...this.#running.values()];
    this.leftOut = 0;
    this.emit("cleared", null);
  }

  /** @returns {Summary} */
  summary() {
    /** @type {Summary} */
    const summary = { results: 0, discarded: 0, speechMs: 0, emotions: {}, genders: {} };
    for (const { state, startMs, endMs, answer } of this.utterances) {
      if (state === "discarded") summary.discarded += 1;
      if (state !== "result" || !answer) continue;
      summary.results += 1;
      summary.speechMs += endMs - startMs;
      count(summary.emotions, answer.emotion.label);
      count(summary.genders, answer.gender.label);
    }
    return summary;
  }

  /**
   * @param {HeardSession} session
   * @param {Started | Interim | Result | Discarded} event
   */
  #add(session, { utterance_id: id, start_ms: startMs }) {
    /** @type {Utterance} */
    const utterance = {
      session,
      id,
      state: "running",
      startMs,
      endMs: Infinity,
      answer: null,
      reason: "",
    };
    this.#running.set(id, utterance);
    this.utterances.push(utterance);
    if (this.utterances.length > KEPT_UTTERANCES) {
      this.utterances.shift();
      this.leftOut += 1;
    }
    return utterance;
  }
}

/**
 * @param {Record<string, number>} counts
 * @param {string} label
 */
function count(counts, label) {
  counts[label] = (counts[label] ?? 0) + 1;
}

/**
 * @param {Record<string, number>} counts
 * @returns {[string, number][]} most first, `unsure` last
 */
export function ranked(counts) {
  const isUnsure = (/** @type {string} */ label) => Number(label === UNSURE);
  return Object.entries(counts).sort(
    ([one, n], [other, m]) => isUnsure(one) - isUnsure(other) || m - n,
  );
}
