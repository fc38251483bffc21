/** How to read and address the messages of `intone.v1`; what is in them is in `events.d.ts`. */

/** @typedef {import("./events.js").ServerMessage} ServerMessage */

export const PROTOCOL = "intone.v1";
/** The label of an answer whose confidence is under the model's threshold. */
export const UNSURE = "unsure";

const EVENT_TYPES = new Set([
  "session.created",
  "session.updated",
  "utterance.started",
  "utterance.interim",
  "utterance.result",
  "utterance.discarded",
  "pong",
  "error",
  "session.closed",
]);

/**
 * @param {unknown} data of a WebSocket message
 * @returns {ServerMessage | null} null for a type that this client does not know: a newer server
 *   may say more
 * @throws {SyntaxError} when it is not a JSON object with a type
 */
export function parseEvent(data) {
  if (typeof data !== "string") throw new SyntaxError("the server sent bytes where text belongs");
  const event = JSON.parse(data);
  if (typeof event?.type !== "string") throw new SyntaxError("the server sent JSON without a type");
  return EVENT_TYPES.has(event.type) ? event : null;
}

/**
 * @param {string | URL} base where the server is, `http:`, `https:`, `ws:` or `wss:`, with the path
 *   prefix it is served under, if any
 * @param {{model?: string, interimMs?: number}} config
 * @param {boolean} [tokenFollows] as the first message
 * @returns {URL} of the stream, for mono s16le at 16 kHz
 */
export function streamUrl(base, { model, interimMs }, tokenFollows = false) {
  const url = new URL("v1/stream", base);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.hash = "";
  /** @type {Record<string, string | number | undefined>} */
  const query = { encoding: "s16le", sample_rate: 16_000, channels: 1, model };
  query.interim_ms = interimMs;
  query.auth = tokenFollows ? "message" : undefined;
  url.search = "";
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/**
 * @param {string} token
 * @returns {boolean} whether a browser takes it as a part of a subprotocol (RFC 9110, 5.6.2)
 */
export function fitsSubprotocol(token) {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(token);
}

/**
 * @param {MediaTrackSettings} settings
 * @returns {import("./events.js").Source} as the server's log knows them
 */
export function sourceOf(settings) {
  const { sampleRate, echoCancellation, noiseSuppression, autoGainControl } = settings;
  /** @param {boolean | string | undefined} value newer browsers name the kind of cancellation */
  const flag = (value) => (value === undefined ? undefined : Boolean(value));
  return {
    sample_rate_hz: sampleRate,
    echo_cancellation: flag(echoCancellation),
    noise_suppression: flag(noiseSuppression),
    auto_gain_control: flag(autoGainControl),
  };
}
