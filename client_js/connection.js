/** The client: audio out, typed events in, and a lost session opened anew. */

import { Backoff, isWorthRetrying } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { WIRE_BYTES_PER_MS } from "./pcm.js";
import { StreamSession } from "./session.js";
import { PROTOCOL, streamUrl } from "./wire.js";

/** @typedef {import("./wire.js").ServerEvent} ServerEvent */
/** @typedef {import("./wire.js").SessionCreated} SessionCreated */
/** @typedef {import("./wire.js").SessionClosed} SessionClosed */
/** @typedef {import("./session.js").SessionEnd} SessionEnd */
/** @typedef {import("./session.js").SessionTimes} SessionTimes */

/** @enum {"idle" | "connecting" | "open" | "waiting" | "closing" | "closed"} */
export const ClientState = Object.freeze({
  IDLE: "idle",
  CONNECTING: "connecting",
  OPEN: "open",
  /** Lost, and waiting for the next attempt. */
  WAITING: "waiting",
  CLOSING: "closing",
  CLOSED: "closed",
});

/** @typedef {new (url: string | URL, protocols: string[]) => WebSocket} WebSocketConstructor */

/**
 * @typedef {object} ClientOptions
 * @property {string | URL} url where the server is, with its path prefix, if any
 * @property {string} [model] the server's default, if not given
 * @property {number} [interimMs] audio between interim answers, 0 for none
 * @property {string} [token] goes as a subprotocol, since a browser cannot set headers
 * @property {boolean} [reconnect] whether a lost session is opened anew; true if not given
 * @property {import("./backoff.js").BackoffOptions} [backoff]
 * @property {Partial<SessionTimes>} [times]
 * @property {WebSocketConstructor} [WebSocket] for where there is no global one
 */

/** @typedef {{ms: number, total_ms: number, reason: "slow" | "offline"}} Dropped */

/**
 * @typedef {object} StateChange
 * @property {ClientState} state
 * @property {number} [retry_in_ms] in state `waiting`
 * @property {ConnectionError} [error] in states `waiting` and `closed`, unless it was asked for
 */

/**
 * @typedef {{[Event in ServerEvent as Event["type"]]: Event} & {
 *   state: StateChange, dropped: Dropped, lag: import("./session.js").Lag}} ClientEvents
 */

/** @type {SessionTimes} */
const DEFAULT_TIMES = {
  connectTimeoutMs: 10_000,
  // Longer than the server's own drain of 10 s, so that it is the one to say how it ended.
  closeTimeoutMs: 15_000,
  pingIntervalMs: 2_000,
  pongTimeoutMs: 10_000,
};

/** The connection could not be made, or was lost; `code` is one of the wire's error codes. */
export class ConnectionError extends Error {
  /**
   * @param {string} code
   * @param {string} message one sentence
   * @param {boolean} isRetryable
   */
  constructor(code, message, isRetryable) {
    super(message);
    this.name = "ConnectionError";
    this.code = code;
    this.isRetryable = isRetryable;
  }
}

/**
 * Every message of the wire is an event by its `type`; besides, there are `state`, `dropped` (audio
 * thrown away) and `lag`.
 *
 * A lost session is not resumed: a new `session.created` comes, utterance ids and times start
 * again, and live audio from in between is skipped and reported as dropped.
 *
 * @extends {Emitter<ClientEvents>}
 */
export class IntoneClient extends Emitter {
  /** @type {ClientOptions} */ #options;
  /** @type {Backoff} */ #backoff;
  /** @type {ClientState} */ #state = ClientState.IDLE;
  /** @type {StreamSession | null} */ #stream = null;
  /** @type {SessionCreated | null} */ #session = null;
  /** @type {{resolve: (session: SessionCreated) => void, reject: (error: Error) => void} | null} */
  #opening = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
  #droppedBytes = 0;

  /** @param {ClientOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
  }

  /** @returns {ClientState} */
  get state() {
    return this.#state;
  }

  /** @returns {SessionCreated | null} what the server said when the latest session began */
  get session() {
    return this.#session;
  }

  /**
   * @returns {Promise<SessionCreated>}
   * @throws {ConnectionError} when this first attempt fails; only later losses are retried
   * @throws {Error} when already connected or connecting
   */
  async connect() {
    if (this.#state !== ClientState.IDLE && this.#state !== ClientState.CLOSED) {
      throw new Error(`connect() while ${this.#state}; close() first`);
    }
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#open();
    });
  }

  /** @param {ArrayBuffer} frame s16le, mono, 16 kHz */
  send(frame) {
    if (this.#state !== ClientState.OPEN) return this.#drop(frame.byteLength, "offline");
    this.#drop(this.#stream?.send(frame) ?? 0, "slow");
  }

  /** Ends the running utterance now, as push-to-talk does. */
  flush() {
    this.#stream?.flush();
  }

  /** @returns {Promise<void>} when all audio is on its way: for a source that can wait */
  async drained() {
    await this.#stream?.drained();
  }

  /**
   * Waits for the results of everything sent.
   *
   * @returns {Promise<SessionClosed | null>} the server's totals; null when there was no session
   */
  async close() {
    clearTimeout(this.#retryTimer);
    const stream = this.#stream;
    if (stream === null) {
      if (this.#state === ClientState.WAITING) this.#enter({ state: ClientState.CLOSED });
      return null;
    }
    this.#enter({ state: ClientState.CLOSING });
    stream.close();
    return (await stream.ended).totals;
  }

  async #open() {
    this.#enter({ state: ClientState.CONNECTING });
    try {
      this.#stream = new StreamSession(this.#makeSocket(), {
        ...DEFAULT_TIMES,
        ...this.#options.times,
      });
    } catch (error) {
      // An address or a token that no WebSocket can be made of; a later attempt would be no better.
      const reason = `no connection can be made: ${error}`;
      return this.#afterEnd({ closeCode: 1008, reason, totals: null, error: null, unsentBytes: 0 });
    }
    this.#stream.on("event", (event) => this.#receive(event));
    this.#stream.on("lag", (lag) => this.emit("lag", lag));
    this.#afterEnd(await this.#stream.ended);
  }

  #makeSocket() {
    const { url, token, WebSocket = globalThis.WebSocket } = this.#options;
    const protocols = token ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL];
    return new WebSocket(streamUrl(url, this.#options), protocols);
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    if (event.type === "session.created") this.#begin(event);
    // TypeScript cannot see that a member of the union goes with its own `type`.
    this.emit(event.type, /** @type {any} */ (event));
  }

  /** @param {SessionCreated} session */
  #begin(session) {
    this.#session = session;
    this.#backoff.reset();
    if (this.#state === ClientState.CONNECTING) this.#enter({ state: ClientState.OPEN });
    this.#opening?.resolve(session);
    this.#opening = null;
  }

  /** @param {SessionEnd} end */
  #afterEnd(end) {
    this.#stream = null;
    this.#drop(end.unsentBytes, "offline");
    const error = endError(end);
    if (this.#state === ClientState.CLOSING) this.#enter({ state: ClientState.CLOSED });
    else if (this.#opening === null && this.#options.reconnect !== false && error.isRetryable) {
      this.#retry(error);
    } else this.#enter({ state: ClientState.CLOSED, error });
    this.#opening?.reject(error);
    this.#opening = null;
  }

  /** @param {ConnectionError} error */
  #retry(error) {
    const delayMs = this.#backoff.next();
    this.#retryTimer = setTimeout(() => void this.#open(), delayMs);
    this.#enter({ state: ClientState.WAITING, retry_in_ms: delayMs, error });
  }

  /** @param {StateChange} change */
  #enter(change) {
    this.#state = change.state;
    this.emit("state", change);
  }

  /**
   * @param {number} bytes
   * @param {"slow" | "offline"} reason
   */
  #drop(bytes, reason) {
    if (bytes === 0) return;
    this.#droppedBytes += bytes;
    const totalMs = Math.round(this.#droppedBytes / WIRE_BYTES_PER_MS);
    this.emit("dropped", { ms: Math.round(bytes / WIRE_BYTES_PER_MS), total_ms: totalMs, reason });
  }
}

/**
 * @param {SessionEnd} end
 * @returns {ConnectionError} what the server gave as the reason, or else what the close code means
 */
function endError({ closeCode, reason, error, totals }) {
  const isRetryable = isWorthRetrying(closeCode);
  if (error) return new ConnectionError(error.code, error.message, isRetryable);
  const why = reason || totals?.reason || "the server cannot be reached, or is full";
  return new ConnectionError("server_unavailable", why, isRetryable);
}
