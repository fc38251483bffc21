/** When to try a lost connection again: pure, so that a test needs no clock. */

/**
 * @typedef {object} BackoffOptions
 * @property {number} [firstMinMs] shortest first wait
 * @property {number} [firstMaxMs] longest first wait: the jitter keeps a thousand pages from
 *   coming back in the same second
 * @property {number} [growth] each wait is this many times the one before
 * @property {number} [maxMs] longest wait
 * @property {() => number} [random] in [0, 1)
 */

/**
 * 1001 going away, 1006 lost, 1011 failed, 1012 restarting, 1013 try later. The rest would fail
 * the same way again: 1008 is a refusal, 1003, 1007 and 1009 are about what was sent.
 */
const WORTH_RETRYING = new Set([1001, 1006, 1011, 1012, 1013]);

/** @param {number} closeCode of the WebSocket */
export function isWorthRetrying(closeCode) {
  return WORTH_RETRYING.has(closeCode);
}

/** Waits that start at a random point and grow to a limit; `reset` after a success. */
export class Backoff {
  /** @type {Required<BackoffOptions>} */ #options;
  /** @type {number | null} */ #lastMs = null;

  /** @param {BackoffOptions} [options] */
  constructor(options = {}) {
    const defaults = { firstMinMs: 1_000, firstMaxMs: 5_000, growth: 1.3, maxMs: 10_000 };
    this.#options = { ...defaults, random: Math.random, ...options };
  }

  /** @returns {number} milliseconds to wait before the next attempt */
  next() {
    const { firstMinMs, firstMaxMs, growth, maxMs, random } = this.#options;
    const firstMs = firstMinMs + (firstMaxMs - firstMinMs) * random();
    this.#lastMs = Math.min(maxMs, this.#lastMs === null ? firstMs : this.#lastMs * growth);
    return this.#lastMs;
  }

  reset() {
    this.#lastMs = null;
  }
}
