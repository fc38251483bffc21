/** Everything that was heard since the page was opened: pure, and the source of all its views. */

import { Emitter } from "../emitter.js";

/** A working day of talk, a few megabytes. */
const KEPT_UTTERANCES = 5_000;

/** @extends {Emitter<{utterance: Utterance, cleared: null}>} */
export class History extends Emitter {
  /** @type {HeardSession | null} */ session = null;
  /** @type {Utterance[]} oldest first */ utterances = [];
  /** @type {Map<number, Utterance>} of the latest session */ #running = new Map();
  /** Utterances that are not kept any more. */
  leftOut = 0;

  /**
   * @param {SessionCreated} created
   * @param {string} source
   * @param {number} offsetMs
   */
  begin(created, source, offsetMs) {
    const number = (this.session?.number ?? 0) + 1;
    this.session = { number, source, startedAt: new Date(), created, offsetMs, gaps: [] };
    this.#running.clear();
  }

  /**
   * The session goes on without some audio.
   *
   * @param {number} atMs on the session's clock
   * @param {number} ms
   */
  skip(atMs, ms) {
    this.session?.gaps.push({ atMs, ms });
  }

  /** @param {Started | Interim | Result | Discarded} event of the latest session */
  take(event) {
    if (!this.session) return;
    const utterance = this.#running.get(event.utterance_id) ?? this.#add(this.session, event);
    if (event.type === "utterance.interim") utterance.answer = event;
    if (event.type === "utterance.result") this.#end(utterance, event, event);
    if (event.type === "utterance.discarded") this.#end(utterance, event, null);
    this.emit("utterance", utterance);
  }

  /** The session is gone, and what was running in it with it. */
  abandon() {
    for (const utterance of [...this.#running.values()]) {
      this.#end(utterance, { end_ms: utterance.startMs, reason: "connection_lost" }, null);
      this.emit("utterance", utterance);
    }
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
   * @param {{utterance_id: number, start_ms: number}} event
   */
  #add(session, { utterance_id: id, start_ms: startMs }) {
    /** @type {Utterance} */
    const utterance = {
      ...{ session, id, startMs, endMs: Infinity },
      ...{ state: "running", answer: null, reason: "" },
    };
    this.#running.set(id, utterance);
    this.utterances.push(utterance);
    if (this.utterances.length > KEPT_UTTERANCES) {
      this.utterances.shift();
      this.leftOut += 1;
    }
    return utterance;
  }

  /**
   * @param {Utterance} utterance
   * @param {{end_ms: number, reason: string}} event
   * @param {Result | null} answer
   */
  #end(utterance, { end_ms: endMs, reason }, answer) {
    const state = answer ? "result" : "discarded";
    Object.assign(utterance, { state, endMs, reason, answer });
    this.#running.delete(utterance.id);
  }
}

/**
 * @param {HeardSession} session
 * @param {number} sessionMs on its clock, which stands still where audio was dropped
 * @returns {number} on the clock of the kept audio
 */
export function keptMs({ offsetMs, gaps }, sessionMs) {
  const before = gaps.filter(({ atMs }) => atMs <= sessionMs);
  return before.reduce((placeMs, { ms }) => placeMs + ms, offsetMs + sessionMs);
}

/**
 * @param {Record<string, number>} counts
 * @param {string} label
 */
function count(counts, label) {
  counts[label] = (counts[label] ?? 0) + 1;
}
