/** What the page says, apart from the page: pure text. */

import { UNSURE } from "../wire.js";

/** @type {Record<string, string>} reasons of results */
const END_REASONS = {
  silence: "ended at a pause",
  max_duration: "split at the longest length",
  flush: "ended on request",
  end_of_stream: "ended with the recording",
};

/** @type {Record<string, string>} reasons of discarded utterances */
const DISCARD_REASONS = {
  too_short: "too short to judge",
  unvoiced: "no voice in it",
  overloaded: "the server was too busy",
  failed: "the recogniser failed",
  connection_lost: "the connection was lost",
};

/** @param {string} name as the wire writes it */
const spaced = (name) => name.replaceAll("_", " ");

/** @param {string} reason */
export const endReason = (reason) => END_REASONS[reason] ?? spaced(reason);

/** @param {string} reason */
export const discardReason = (reason) => DISCARD_REASONS[reason] ?? spaced(reason);

/** @param {string} label of an emotion or a gender */
export const labelName = (label) => spaced(label).replace(/^./, (first) => first.toUpperCase());

/** @param {number} share 0 to 1 */
export const percent = (share) => `${Math.round(100 * share)}%`;

/**
 * @param {number} ms of the audio clock
 * @returns {string} minutes, seconds and tenths, cut rather than rounded, like a clock
 */
export function clock(ms) {
  const tenths = Math.floor(ms / 100);
  const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${Math.floor(tenths / 600)}:${seconds}.${tenths % 10}`;
}

/**
 * @param {Result} result
 * @returns {string} a sentence for a screen reader
 */
export function spokenResult({ emotion, gender }) {
  return `${labelName(emotion.label)}, ${percent(emotion.confidence)}. ${labelName(gender.label)}, ${percent(gender.confidence)}.`;
}

/** @type {Record<string, string>} by the client's state, for the status line */
const STATES = { connecting: "Connecting…", open: "Connected", closing: "Finishing…" };

/** @param {import("../client.js").StateChange} change */
export function connectionWords({ state, retry_in_ms: retryInMs = 0 }) {
  if (state !== "waiting") return STATES[state] ?? "Ready";
  return `Connection lost. Trying again in ${Math.ceil(retryInMs / 1_000)} s`;
}

/** @param {Partial<ModelEntry>} model */
export function modelWords({ description, accuracy = [], licence, interim_model: meanwhile }) {
  return [
    description,
    meanwhile && `Before a pause ${meanwhile} answers.`,
    accuracyWords(/** @type {Figure[]} */ (/** @type {unknown} */ (accuracy))),
    licence && `Licence of the weights: ${licence}.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** @param {Figure[]} figures of which the first for emotion counts, and that for gender beside it */
function accuracyWords(figures) {
  const emotion = figures.find(({ task, metric }) => task === "emotion" && metric === "uar");
  if (!emotion) return "";
  const { corpus, protocol } = emotion;
  const gender = figures.find(
    (one) => one.task === "gender" && one.corpus === corpus && one.protocol === protocol,
  );
  const also = gender ? `, gender right in ${percent(gender.value)}` : "";
  return `Measured on ${corpus}, ${protocol}: emotion ${percent(emotion.value)} (mean recall)${also}.`;
}

/** @param {Answer} gender */
export function genderWords({ label, confidence }) {
  return label === UNSURE ? "Gender unsure" : `${labelName(label)} ${percent(confidence)}`;
}

/**
 * @param {Answer} answer
 * @returns {string} for an unsure answer the label it came nearest to, otherwise nothing
 */
export function nearestWords({ label, scores }) {
  const [best] = ranked(scores);
  return label === UNSURE && best ? `nearest: ${labelName(best[0])}` : "";
}

/**
 * @param {Record<string, number>} numbers
 * @returns {[string, number][]} highest first, `unsure` last
 */
export function ranked(numbers) {
  const isUnsure = (/** @type {string} */ label) => Number(label === UNSURE);
  return Object.entries(numbers).sort(
    ([one, n], [other, m]) => isUnsure(one) - isUnsure(other) || m - n,
  );
}

/** @param {Utterance} utterance told in a title */
export function utteranceWords({ startMs, endMs, answer }) {
  const when = Number.isFinite(endMs) ? `${clock(startMs)} to ${clock(endMs)}` : "running";
  if (!answer) return when;
  const { label, confidence } = answer.emotion;
  return `${labelName(label)} ${percent(confidence)}, ${genderWords(answer.gender)}, ${when}`;
}

/** @param {Utterance} utterance why and when its answer came */
export function reasonWords({ answer, reason }) {
  if (answer?.type !== "utterance.result") return "";
  const { emotion, continues, latency_ms: lateMs } = answer;
  const late = lateMs === undefined ? "" : `in ${lateMs < 1 ? "under 1" : Math.round(lateMs)} ms`;
  const joined = continues === undefined ? "" : "goes on from the one before";
  return [nearestWords(emotion), endReason(reason), late, joined].filter(Boolean).join(" · ");
}

/** @param {Summary} summary */
export function summaryWords({ results, discarded, speechMs, genders }) {
  const heard = results === 1 ? "1 utterance" : `${results} utterances`;
  const left = discarded === 0 ? "" : `, ${discarded} left out`;
  const voices = ranked(genders).map(([label, count]) => `; ${count} ${label}`);
  return `${heard}, ${clock(speechMs)} of speech${left}${voices.join("")}`;
}
