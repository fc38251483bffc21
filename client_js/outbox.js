/** Audio on its way into a WebSocket, which itself never says that it is full. */

import { WIRE_BYTES_PER_MS } from "./worklet.js";

/**
 * @typedef {object} OutboxLimits
 * @property {number} socketMs audio that the socket may hold (`bufferedAmount`); past this, frames
 *   wait here, where they can still be dropped
 * @property {number} waitingMs audio that may wait: live audio older than this is worth less than
 *   the audio that pushes it out
 */

/** @type {OutboxLimits} */
const DEFAULT_LIMITS = { socketMs: 500, waitingMs: 1_000 };

/**
 * @typedef {object} ByteSink the part of a WebSocket that the outbox uses
 * @property {number} bufferedAmount
 * @property {(frame: ArrayBuffer) => void} send
 */

/** Hands frames to the socket in order; when too many wait, the oldest whole ones are dropped. */
export class Outbox {
  /** @type {ArrayBuffer[]} */ #waiting = [];
  #waitingBytes = 0;
  /** @type {OutboxLimits} */ #limits;

  /** @param {Partial<OutboxLimits>} [limits] */
  constructor(limits) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** @returns {number} bytes that wait for room in the socket */
  get waitingBytes() {
    return this.#waitingBytes;
  }

  /**
   * @param {ArrayBuffer} frame
   * @returns {number} bytes dropped to make room
   */
  push(frame) {
    this.#waiting.push(frame);
    this.#waitingBytes += frame.byteLength;
    let droppedBytes = 0;
    const limitBytes = this.#limits.waitingMs * WIRE_BYTES_PER_MS;
    while (this.#waitingBytes > limitBytes && this.#waiting.length > 1) {
      droppedBytes += this.#shift().byteLength;
    }
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
      socket.send(this.#shift());
    }
  }

  /**
   * Hands over everything, however full the socket is: the stream ends here.
   *
   * @param {ByteSink} socket
   */
  drainAll(socket) {
    while (this.#waiting.length > 0) socket.send(this.#shift());
  }

  /** @returns {number} bytes thrown away */
  clear() {
    const droppedBytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return droppedBytes;
  }

  #shift() {
    const frame = /** @type {ArrayBuffer} */ (this.#waiting.shift());
    this.#waitingBytes -= frame.byteLength;
    return frame;
  }
}
