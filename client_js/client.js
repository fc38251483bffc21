/** The client: audio out, typed events in, and a lost session opened anew. */

import { Backoff, isWorthRetrying } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { Inbox } from "./iteration.js";
import { refusalOf } from "./refusal.js";
import { StreamSession } from "./session.js";
import { PROTOCOL, fitsSubprotocol, sourceOf, streamUrl } from "./wire.js";
import { WIRE_BYTES_PER_MS } from "./worklet.js";

/** @typedef {import("./events.js").ServerMessage} ServerEvent */
/** @typedef {import("./events.js").SessionCreated} SessionCreated */
/** @typedef {import("./events.js").SessionClosed} SessionClosed */
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

/** @typedef {new (url: string | URL, protocols: string[]) => import("./session.js").Socket} WebSocketConstructor */

/**
 * @typedef {object} ClientOptions
 * @property {string | URL} url where the server is, with its path prefix, if any
 * @property {string} [model] the server's default, if not given
 * @property {number} [interimMs] audio between interim answers, 0 for none
 * @property {string} [token] goes as a subprotocol, since a browser cannot set headers
 * @property {"subprotocol" | "message"} [auth] `message` sends the token as the first message, as is
 *   done anyway with a token that a subprotocol cannot carry
 * @property {boolean} [reconnect] whether a lost session is opened anew; true if not given
 * @property {import("./backoff.js").BackoffOptions} [backoff]
 * @property {Partial<SessionTimes>} [times]
 * @property {Partial<import("./outbox.js").OutboxLimits>} [limits] of audio that waits to be sent
 * @property {WebSocketConstructor} [WebSocket] for where there is no global one
 */

/**
 * @typedef {object} Dropped audio thrown away, whole frames, oldest first
 * @property {number} ms
 * @property {number} total_ms since the client was made
 * @property {"slow" | "offline"} reason the network did not keep up, or there was no session
 * @property {number} [at_ms] with `slow`: where it is missing in the session's audio, whose clock
 *   does not count it. A recording made beside the session is longer from here on
 */

/**
 * @typedef {object} StateChange
 * @property {ClientState} state
 * @property {number} [retry_in_ms] in state `waiting`
 * @property {ConnectionError} [error] in states `waiting` and `closed`, unless it was asked for
 */

/**
 * @typedef {{[Event in ServerEvent as Event["type"]]: Event} & {
 *   event: ServerEvent, state: StateChange, dropped: Dropped,
 *   lag: import("./session.js").Lag}} ClientEvents
 */

/** Close code of a connection that ended without one. */
const LOST = 1006;

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
 * Every message of the wire is an event by its `type`, and all of them are `event`; besides, there
 * are `state`, `dropped` (audio thrown away) and `lag`. `for await (const event of client)` reads
 * the messages too.
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
  /** @type {Promise<void>} */ #run = Promise.resolve();
  #droppedBytes = 0;
  /** @type {MediaTrackSettings | null} */ #source = null;

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
   * @throws {Error} when already connected or connecting, or not closed yet
   */
  async connect() {
    if (this.#state !== ClientState.IDLE && this.#state !== ClientState.CLOSED) {
      throw new Error(`connect() while ${this.#state}; await close() first`);
    }
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#run = this.#open();
    });
  }

  /** @param {ArrayBuffer} frame s16le, mono, 16 kHz */
  send(frame) {
    if (this.#state !== ClientState.OPEN) return this.#drop(frame.byteLength, "offline");
    const stream = /** @type {StreamSession} */ (this.#stream);
    const atMs = Math.round(stream.sentMs);
    this.#drop(stream.send(frame), "slow", atMs);
  }

  /**
   * Tells the server's log what a microphone does to the sound: in this session, if it has no audio
   * yet, and in every later one.
   *
   * @param {MediaTrackSettings} settings of its track
   */
  describeSource(settings) {
    this.#source = settings;
    this.#stream?.describe(sourceOf(settings));
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
   * @returns {Promise<SessionClosed | null>} the server's totals; null when there was no session, or
   *   the connection was lost before they came
   */
  async close() {
    clearTimeout(this.#retryTimer);
    const stream = this.#stream;
    if (stream === null) {
      if (this.#state !== ClientState.CLOSED) this.#enter({ state: ClientState.CLOSED });
      return null;
    }
    if (this.#state !== ClientState.CLOSING) {
      this.#enter({ state: ClientState.CLOSING });
      stream.close();
    }
    const { totals } = await stream.ended;
    await this.#run;
    return totals;
  }

  /**
   * Everything the server says from now on, in order; ends when the client has been closed.
   *
   * @returns {AsyncGenerator<ServerEvent, void>}
   * @throws {ConnectionError} inside the loop, when the connection is lost for good
   */
  async *[Symbol.asyncIterator]() {
    if (this.#state === ClientState.CLOSED) return;
    /** @type {Inbox<ServerEvent>} */
    const inbox = new Inbox();
    const offEvent = this.on("event", (event) => inbox.push(event));
    const offState = this.on("state", ({ state, error }) => {
      if (state === ClientState.CLOSED) inbox.end(error);
    });
    try {
      yield* inbox.read();
    } finally {
      offEvent();
      offState();
    }
  }

  async #open() {
    this.#enter({ state: ClientState.CONNECTING });
    try {
      this.#stream = this.#newStream();
    } catch (error) {
      // An address that no WebSocket can be made of; a later attempt would be no better.
      const reason = `no connection can be made: ${error}`;
      return this.#afterEnd(0, new ConnectionError("server_unavailable", reason, false));
    }
    this.#stream.on("event", (event) => this.#receive(event));
    this.#stream.on("lag", (lag) => this.emit("lag", lag));
    const end = await this.#stream.ended;
    const error = await this.#reasonOf(end);
    this.#stream = null;
    this.#afterEnd(end.unsentBytes, error);
  }

  #newStream() {
    const { url, token, auth, limits, times, WebSocket = globalThis.WebSocket } = this.#options;
    const tokenFollows = Boolean(token) && (auth === "message" || !fitsSubprotocol(token ?? ""));
    const protocols = token && !tokenFollows ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL];
    const socket = new WebSocket(streamUrl(url, this.#options, tokenFollows), protocols);
    const first = tokenFollows ? token : undefined;
    return new StreamSession(socket, { ...DEFAULT_TIMES, ...times }, { limits, token: first });
  }

  /**
   * @param {SessionEnd} end
   * @returns {Promise<ConnectionError>} what the server gave as the reason, or else what the close
   *   code means
   */
  async #reasonOf({ closeCode, reason, error, totals, wasCreated }) {
    const { url, token } = this.#options;
    const isRefusal = closeCode === LOST && !wasCreated && this.#state !== ClientState.CLOSING;
    const refusal =
      error ?? (isRefusal ? await refusalOf(streamUrl(url, this.#options), token) : null);
    if (refusal) {
      const isRetryable = error ? isWorthRetrying(closeCode) : refusal.retryable;
      return new ConnectionError(refusal.code, refusal.message, isRetryable);
    }
    if (totals?.reason === "server_shutdown") {
      return new ConnectionError("shutting_down", "the server stopped", isWorthRetrying(closeCode));
    }
    const why = reason || totals?.reason || "the server cannot be reached, or is full";
    return new ConnectionError("server_unavailable", why, isWorthRetrying(closeCode));
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    if (event.type === "session.created") this.#begin(event);
    // TypeScript cannot see that a member of the union goes with its own `type`.
    this.emit(event.type, /** @type {any} */ (event));
    this.emit("event", event);
  }

  /** @param {SessionCreated} session */
  #begin(session) {
    this.#session = session;
    this.#backoff.reset();
    if (this.#source) this.#stream?.describe(sourceOf(this.#source));
    if (this.#state === ClientState.CONNECTING) this.#enter({ state: ClientState.OPEN });
    this.#opening?.resolve(session);
    this.#opening = null;
  }

  /**
   * @param {number} unsentBytes
   * @param {ConnectionError} error
   */
  #afterEnd(unsentBytes, error) {
    // Before anybody is told: who is may open the next session at once.
    const opening = this.#opening;
    this.#opening = null;
    this.#drop(unsentBytes, "offline");
    if (this.#state === ClientState.CLOSING) this.#enter({ state: ClientState.CLOSED });
    else if (opening === null && this.#options.reconnect !== false && error.isRetryable) {
      this.#retry(error);
    } else this.#enter({ state: ClientState.CLOSED, error });
    opening?.reject(error);
  }

  /** @param {ConnectionError} error */
  #retry(error) {
    const delayMs = this.#backoff.next();
    this.#retryTimer = setTimeout(() => (this.#run = this.#open()), delayMs);
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
   * @param {number} [atMs]
   */
  #drop(bytes, reason, atMs) {
    if (bytes === 0) return;
    this.#droppedBytes += bytes;
    const ms = Math.round(bytes / WIRE_BYTES_PER_MS);
    const totalMs = Math.round(this.#droppedBytes / WIRE_BYTES_PER_MS);
    const place = atMs === undefined ? {} : { at_ms: atMs };
    this.emit("dropped", { ms, total_ms: totalMs, reason, ...place });
  }
}
