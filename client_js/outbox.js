/** Audio on its way into a WebSocket, which itself never says that it is full. */

import { WIRE_BYTES_PER_MS } from "./worklet.js";

/**
 * @typedef {object} OutboxLimits
 * @property {number} socketMs audio that the socket may hold (`bufferedAmount`); past this, frames
 *   wait here, where they can still be dropped
 * @property {number} waitingMs how long a frame may wait: a Wi-Fi that changes its station is back
 *   within this, and live audio that is older is worth less than the audio that pushes it out
 * @property {number} burstMs audio that may wait at once: after a moment in which the page was too
 *   busy to hand it over, it comes in one go, and no network is to blame
 */

/** @type {OutboxLimits} */
const DEFAULT_LIMITS = { socketMs: 500, waitingMs: 3_000, burstMs: 20_000 };

/**
 * @typedef {object} ByteSink the part of a WebSocket that the outbox uses
 * @property {number} bufferedAmount
 * @property {(frame: ArrayBuffer) => void} send
 */

/** Hands frames to the socket in order; those that wait too long are dropped whole, oldest first. */
export class Outbox {
  /** @type {{frame: ArrayBuffer, sinceMs: number}[]} */ #waiting = [];
  #waitingBytes = 0;
  #sentBytes = 0;
  /** @type {OutboxLimits} */ #limits;
  /** @type {() => number} */ #nowMs;

  /**
   * @param {Partial<OutboxLimits>} [limits]
   * @param {() => number} [nowMs]
   */
  constructor(limits, nowMs = () => performance.now()) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#nowMs = nowMs;
  }

  /** @returns {number} bytes that wait for room in the socket */
  get waitingBytes() {
    return this.#waitingBytes;
  }

  /** @returns {number} bytes handed to the socket so far */
  get sentBytes() {
    return this.#sentBytes;
  }

  /**
   * @param {ArrayBuffer} frame
   * @returns {number} bytes dropped to make room: those that would have been sent next
   */
  push(frame) {
    this.#waiting.push({ frame, sinceMs: this.#nowMs() });
    this.#waitingBytes += frame.byteLength;
    let droppedBytes = 0;
    while (this.#waiting.length > 1 && this.#isOverdue()) droppedBytes += this.#shift().byteLength;
    return droppedBytes;
  }

  /**
   * Hands over as much as the socket has room for.
   *
   * @param {ByteSink} socket
   */
  drain(socket) {
    const limitBytes = this.#limits.socketMs * WIRE_BYTES_PER_MS;
    while (this.#waiting.length > 0 && socket.bufferedAmount < limitBytes) {
      this.#hand(socket);
    }
  }

  /**
   * Hands over everything, however full the socket is: the stream ends here.
   *
   * @param {ByteSink} socket
   */
  drainAll(socket) {
    while (this.#waiting.length > 0) this.#hand(socket);
  }

  /** @returns {number} bytes thrown away */
  clear() {
    const droppedBytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return droppedBytes;
  }

  #isOverdue() {
    const { waitingMs, burstMs } = this.#limits;
    const waitedMs = this.#nowMs() - this.#waiting[0].sinceMs;
    return waitedMs > waitingMs || this.#waitingBytes > burstMs * WIRE_BYTES_PER_MS;
  }

  /** @param {ByteSink} socket */
  #hand(socket) {
    const frame = this.#shift();
    this.#sentBytes += frame.byteLength;
    socket.send(frame);
  }

  #shift() {
    const { frame } = /** @type {{frame: ArrayBuffer}} */ (this.#waiting.shift());
    this.#waitingBytes -= frame.byteLength;
    return frame;
  }
}
