/**
 * The messages of `intone.v1` as they are on the wire, and how to read and address them.
 *
 * Times are milliseconds of the session's audio clock; scores are complete and sum to 1.
 */

/**
 * @typedef {object} Decision
 * @property {string} label one of the model's labels, or `unsure`
 * @property {number} confidence calibrated, 0 to 1
 * @property {Record<string, number>} scores probability of every label
 */

/** @typedef {"silence" | "max_duration" | "flush" | "end_of_stream"} EndReason */
/** @typedef {"too_short" | "unvoiced" | "overloaded" | "failed"} DiscardReason */

/**
 * @typedef {object} SessionCreated
 * @property {"session.created"} type
 * @property {string} protocol
 * @property {string} session_id
 * @property {{encoding: string, sample_rate_hz: number, channels: number}} audio
 * @property {{name: string, sha256: string, emotions: string[], genders: string[]}} model
 * @property {number} interim_ms
 * @property {{max_rate?: number, max_session_s?: number, [name: string]: unknown}} limits
 */

/**
 * @typedef {object} SessionUpdated
 * @property {"session.updated"} type
 * @property {{encoding: string, sample_rate_hz: number, channels: number}} audio
 * @property {{name: string, sha256: string, emotions: string[], genders: string[]}} model
 * @property {number} interim_ms
 */

/**
 * @typedef {object} UtteranceStarted
 * @property {"utterance.started"} type
 * @property {number} utterance_id
 * @property {number} channel
 * @property {number} start_ms
 * @property {number} [continues] the utterance this one goes on from
 */

/**
 * @typedef {object} UtteranceInterim
 * @property {"utterance.interim"} type
 * @property {number} utterance_id
 * @property {number} channel
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {Decision} emotion
 * @property {Decision} gender
 */

/**
 * @typedef {object} UtteranceResult
 * @property {"utterance.result"} type
 * @property {number} utterance_id
 * @property {number} channel
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {Decision} emotion
 * @property {Decision} gender
 * @property {EndReason} reason
 * @property {string} model
 * @property {number} [latency_ms] from the arrival of the audio that ended it to the sending of this
 * @property {number} [continues]
 */

/**
 * @typedef {object} UtteranceDiscarded
 * @property {"utterance.discarded"} type
 * @property {number} utterance_id
 * @property {number} channel
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {DiscardReason} reason
 */

/**
 * @typedef {object} Pong
 * @property {"pong"} type
 * @property {string} marker
 * @property {number} received_ms audio received so far
 * @property {number} lag_ms audio received and not yet scored
 */

/**
 * @typedef {object} ServerError
 * @property {"error"} type
 * @property {string} code
 * @property {string} message one sentence
 * @property {boolean} retryable
 */

/**
 * @typedef {object} SessionClosed
 * @property {"session.closed"} type
 * @property {string} reason
 * @property {{audio_ms: number, bytes: number}} received
 * @property {{utterances: number, interims: number, discarded: number}} produced
 */

/**
 * @typedef {SessionCreated | SessionUpdated | UtteranceStarted | UtteranceInterim
 *   | UtteranceResult | UtteranceDiscarded | Pong | ServerError | SessionClosed} ServerEvent
 */

/**
 * One measured figure of a model's card.
 *
 * @typedef {object} Figure
 * @property {string} corpus
 * @property {string} protocol who was in training and who was not
 * @property {string} task `emotion` or `gender`
 * @property {string} metric `uar` (mean recall of the classes), `accuracy` or `ece`
 * @property {number} value
 * @property {number} clips
 */

/**
 * One model as `GET /v1/models` describes it.
 *
 * @typedef {object} ModelInfo
 * @property {string} name
 * @property {string} [kind]
 * @property {string[]} emotions
 * @property {string[]} genders
 * @property {string} [sha256]
 * @property {Figure[]} [accuracy]
 * @property {string} [licence]
 * @property {string} [description]
 */

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
 * @returns {ServerEvent | null} null for a type that this client does not know: a newer server may
 *   say more
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
 * @returns {URL} of the stream, for mono s16le at 16 kHz
 */
export function streamUrl(base, { model, interimMs }) {
  const url = new URL("v1/stream", base);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.search = "";
  url.hash = "";
  url.searchParams.set("encoding", "s16le");
  url.searchParams.set("sample_rate", "16000");
  url.searchParams.set("channels", "1");
  if (model !== undefined) url.searchParams.set("model", model);
  if (interimMs !== undefined) url.searchParams.set("interim_ms", String(interimMs));
  return url;
}
