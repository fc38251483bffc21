/** One session on one WebSocket: from opening it to its last event. Reconnecting is not its business. */

import { Emitter } from "./emitter.js";
import { Outbox } from "./outbox.js";
import { parseEvent } from "./wire.js";
import { WIRE_BYTES_PER_MS } from "./worklet.js";

/** @typedef {import("./events.js").ServerMessage} ServerEvent */
/** @typedef {import("./events.js").ServerError} ServerError */
/** @typedef {import("./events.js").SessionClosed} SessionClosed */

/**
 * @typedef {object} SessionTimes
 * @property {number} connectTimeoutMs from opening the socket to `session.created`
 * @property {number} closeTimeoutMs from `session.close` to the socket's end
 * @property {number} pingIntervalMs how often the lag is measured
 * @property {number} pongTimeoutMs a ping unanswered for this long means a dead connection, which
 *   the browser itself may take minutes to notice
 */

/**
 * @typedef {object} SessionEnd
 * @property {number} closeCode of the WebSocket; 1006 where it was simply lost
 * @property {string} reason for a person; may be empty
 * @property {SessionClosed | null} totals what the server counted, if it came to say so
 * @property {ServerError | null} error what the server gave as the cause, if it did
 * @property {boolean} wasCreated whether the server had let the session in
 * @property {number} unsentBytes audio that had not left the socket, as far as that tells
 */

/** @typedef {{lag_ms: number, round_trip_ms: number}} Lag */

/**
 * @typedef {object} Socket what is used of a WebSocket: others than the browser's own, such as that
 *   of `ws`, differ in the rest
 * @property {number} readyState
 * @property {number} bufferedAmount
 * @property {(data: string | ArrayBuffer) => void} send
 * @property {() => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */

const NORMAL = 1000;
const LOST = 1006;
const PROTOCOL_ERROR = 1002;
const REFUSED = 1008;
/** `WebSocket.OPEN`, which an injected constructor need not carry. */
const SOCKET_OPEN = 1;
/** How often a full socket is looked at again, at most: it has no event for having become empty. */
const DRAIN_INTERVAL_MS = 20;

/** @extends {Emitter<{event: ServerEvent, lag: Lag}>} */
export class StreamSession extends Emitter {
  /** @type {Promise<SessionEnd>} settles once, when nothing more will come; never rejects */
  ended;
  /** @type {(end: SessionEnd) => void} */ #settle = () => {};
  /** @type {Socket} */ #socket;
  /** @type {SessionTimes} */ #times;
  /** @type {Outbox} */ #outbox;
  /** @type {string | undefined} */ #token;
  #isCreated = false;
  #isEnded = false;
  /** @type {SessionClosed | null} */ #totals = null;
  /** @type {Map<string, ServerError>} by code */ #errors = new Map();
  /** @type {ServerError | null} what ended the session, as far as is known */ #lastError = null;
  #pingsSent = 0;
  /** @type {{marker: string, sentAtMs: number} | null} */ #ping = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #deadline;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #drainTimer;
  /** @type {(() => void)[]} */ #drainedListeners = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */ #pingTimer;

  /**
   * @param {Socket} socket just made
   * @param {SessionTimes} times
   * @param {{limits?: Partial<import("./outbox.js").OutboxLimits>, token?: string}} [options]
   *   `token` if it is to be the first message
   */
  constructor(socket, times, { limits, token } = {}) {
    super();
    this.#socket = socket;
    this.#times = times;
    this.#outbox = new Outbox(limits);
    this.#token = token;
    this.ended = new Promise((resolve) => (this.#settle = resolve));
    // It tells nothing and is always followed by `close`, but Node's sockets throw where nobody listens.
    socket.onerror = () => {};
    socket.onmessage = (message) => this.#receive(message.data);
    socket.onopen = () => this.#introduce();
    socket.onclose = (close) => this.#end(close.code, close.reason);
    this.#endAfter(times.connectTimeoutMs, "the server did not answer in time");
  }

  /**
   * Queues audio; before `session.created` it waits, since the server may refuse the format.
   *
   * @param {ArrayBuffer} frame s16le
   * @returns {number} bytes of older audio dropped, because the network is slower than the voice
   */
  send(frame) {
    const droppedBytes = this.#outbox.push(frame);
    this.#drain();
    return droppedBytes;
  }

  /** @returns {number} of the audio handed to the socket: where, on the session's clock, what is dropped is missing */
  get sentMs() {
    return this.#outbox.sentBytes / WIRE_BYTES_PER_MS;
  }

  /** @param {import("./events.js").Source} source taken note of if no audio has been sent yet */
  describe(source) {
    // The server would refuse it behind audio: a microphone may be opened again in a session.
    if (this.#isReady && this.sentMs === 0) this.#say({ type: "session.update", source });
  }

  /** Ends the running utterance after all audio sent so far. */
  flush() {
    if (this.#isReady) this.#sendLast({ type: "flush" });
  }

  /** Asks for the remaining results; `ended` settles when they have come, or in time. */
  close() {
    if (!this.#isReady) return this.#end(NORMAL, "it was closed before it was open");
    this.#endAfter(this.#times.closeTimeoutMs, "the server did not finish in time");
    // The server reads no further: a ping behind it would never be answered.
    clearInterval(this.#pingTimer);
    this.#sendLast({ type: "session.close" });
  }

  /** @returns {Promise<void>} when all audio has been handed to the socket, or the session ended */
  async drained() {
    while (!this.#isEnded && this.#outbox.waitingBytes > 0) {
      await new Promise((resolve) => this.#drainedListeners.push(() => resolve(undefined)));
    }
  }

  get #isReady() {
    return this.#isCreated && !this.#isEnded && this.#socket.readyState === SOCKET_OPEN;
  }

  #drain() {
    clearTimeout(this.#drainTimer);
    if (!this.#isReady) return;
    this.#outbox.drain(this.#socket);
    if (this.#outbox.waitingBytes === 0) return this.#tellDrained();
    // The pong says that the server has all before it, also to a page out of sight, whose timers
    // the browser holds back.
    if (this.#ping === null) this.#beat();
    this.#drainTimer = setTimeout(() => this.#drain(), DRAIN_INTERVAL_MS);
  }

  #tellDrained() {
    for (const tell of this.#drainedListeners.splice(0)) tell();
  }

  /** @param {object} message about all audio before it, so none may stay behind */
  #sendLast(message) {
    this.#outbox.drainAll(this.#socket);
    this.#say(message);
    this.#tellDrained();
  }

  /** @param {object} message */
  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #introduce() {
    if (this.#token !== undefined) this.#say({ type: "auth", token: this.#token });
  }

  /** @param {unknown} data */
  #receive(data) {
    const event = this.#parse(data);
    if (event === null) return;
    if (event.type === "session.created") this.#begin();
    this.#noteReason(event);
    if (event.type === "pong") this.#measureLag(event);
    this.emit("event", event);
    if (event.type === "error" && !this.#isCreated && !event.retryable) {
      // The server would go on with defaults, and wait for a better configuration.
      this.#end(REFUSED, event.message);
    }
  }

  /**
   * @param {unknown} data
   * @returns {ServerEvent | null}
   */
  #parse(data) {
    try {
      return parseEvent(data);
    } catch (error) {
      this.#end(PROTOCOL_ERROR, `what answers there is not an intone server: ${error}`);
      return null;
    }
  }

  #begin() {
    clearTimeout(this.#deadline);
    this.#isCreated = true;
    this.#pingTimer = setInterval(() => this.#beat(), this.#times.pingIntervalMs);
    this.#drain();
  }

  #beat() {
    const nowMs = performance.now();
    if (this.#ping === null) {
      this.#pingsSent += 1;
      this.#ping = { marker: String(this.#pingsSent), sentAtMs: nowMs };
      this.#say({ type: "ping", marker: this.#ping.marker });
    } else if (nowMs - this.#ping.sentAtMs > this.#times.pongTimeoutMs) {
      this.#end(LOST, "the server stopped answering");
    }
  }

  /**
   * Results may still come between the error and `session.closed`, which names it by its code.
   * Where the connection ends without the latter, an error that something follows was not the end.
   *
   * @param {ServerEvent} event
   */
  #noteReason(event) {
    if (event.type === "session.closed") {
      this.#totals = event;
      this.#lastError = this.#errors.get(event.reason) ?? null;
    } else {
      this.#lastError = event.type === "error" ? event : null;
      if (event.type === "error") this.#errors.set(event.code, event);
    }
  }

  /** @param {import("./events.js").Pong} pong */
  #measureLag(pong) {
    if (pong.marker !== this.#ping?.marker) return;
    const roundTripMs = performance.now() - this.#ping.sentAtMs;
    this.#ping = null;
    this.emit("lag", { lag_ms: pong.lag_ms, round_trip_ms: Math.round(roundTripMs) });
    this.#drain();
  }

  /**
   * @param {number} timeoutMs
   * @param {string} reason
   */
  #endAfter(timeoutMs, reason) {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#end(LOST, reason), timeoutMs);
  }

  /**
   * @param {number} closeCode
   * @param {string} reason
   */
  #end(closeCode, reason) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#drainTimer);
    clearInterval(this.#pingTimer);
    this.#socket.onmessage = null;
    this.#socket.onopen = null;
    this.#socket.onclose = null;
    // Of what was not audio, a few bytes may be among it.
    const { bufferedAmount } = this.#socket;
    const inSocket = closeCode === NORMAL ? 0 : Math.min(bufferedAmount, this.#outbox.sentBytes);
    this.#socket.close();
    this.#settle({
      closeCode,
      reason,
      totals: this.#totals,
      error: this.#lastError,
      wasCreated: this.#isCreated,
      unsentBytes: this.#outbox.clear() + inSocket,
    });
    this.#tellDrained();
  }
}
