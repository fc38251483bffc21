/** What the page says, apart from the page: pure text. */

import { UNSURE } from "./wire.js";

/** @type {Record<import("./wire.js").EndReason, string>} */
const END_REASONS = {
  silence: "ended at a pause",
  max_duration: "split at the longest length",
  flush: "ended on request",
  end_of_stream: "ended with the recording",
};

/** @type {Record<import("./wire.js").DiscardReason, string>} */
const DISCARD_REASONS = {
  too_short: "too short to judge",
  unvoiced: "no voice in it",
  overloaded: "the server was too busy",
  failed: "the recogniser failed",
};

/** @param {string} reason of a result */
export function endReason(reason) {
  return /** @type {Record<string, string>} */ (END_REASONS)[reason] ?? spaced(reason);
}

/** @param {string} reason of a discarded utterance */
export function discardReason(reason) {
  return /** @type {Record<string, string>} */ (DISCARD_REASONS)[reason] ?? spaced(reason);
}

/** @param {string} label of an emotion or a gender */
export function labelName(label) {
  if (label === UNSURE) return "Unsure";
  return spaced(label).replace(/^./, (first) => first.toUpperCase());
}

/** @param {string} name as the wire writes it */
function spaced(name) {
  return name.replaceAll("_", " ");
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/**
 * @param {number} ms of the audio clock
 * @returns {string} minutes, seconds and tenths, cut rather than rounded, like a clock
 */
export function clock(ms) {
  const tenths = Math.floor(ms / 100);
  const minutes = Math.floor(tenths / 600);
  const seconds = String(Math.floor(tenths / 10) % 60).padStart(2, "0");
  return `${minutes}:${seconds}.${tenths % 10}`;
}

/**
 * @param {import("./wire.js").UtteranceResult} result
 * @returns {string} a sentence for a screen reader
 */
export function spokenResult({ emotion, gender }) {
  return `${labelName(emotion.label)}, ${percent(emotion.confidence)}. ${labelName(gender.label)}, ${percent(gender.confidence)}.`;
}

/**
 * @param {import("./connection.js").StateChange} change
 * @returns {string} for the status line
 */
export function connectionWords({ state, retry_in_ms: retryInMs = 0 }) {
  switch (state) {
    case "connecting":
      return "Connecting…";
    case "open":
      return "Connected";
    case "waiting":
      return `Connection lost. Trying again in ${Math.ceil(retryInMs / 1_000)} s`;
    case "closing":
      return "Finishing…";
    default:
      return "Ready";
  }
}

/** @param {import("./wire.js").ModelInfo} model */
export function modelWords({ description, accuracy = [], licence }) {
  return [description, accuracyWords(accuracy), licence && `Licence of the weights: ${licence}.`]
    .filter(Boolean)
    .join(" ");
}

/**
 * The card's first figure for emotion, and the one for gender that was measured with it.
 *
 * @param {import("./wire.js").Figure[]} figures
 */
function accuracyWords(figures) {
  const emotion = figures.find(({ task, metric }) => task === "emotion" && metric === "uar");
  if (!emotion) return "";
  const { corpus, protocol } = emotion;
  const gender = figures.find(
    (figure) =>
      figure.task === "gender" && figure.corpus === corpus && figure.protocol === protocol,
  );
  const also = gender ? `, gender right in ${percent(gender.value)}` : "";
  return `Measured on ${corpus}, ${protocol}: emotion ${percent(emotion.value)} (mean recall)${also}.`;
}

/** @param {import("./wire.js").Decision} gender */
export function genderWords({ label, confidence }) {
  return label === UNSURE ? "Gender unsure" : `${labelName(label)} ${percent(confidence)}`;
}

/**
 * @param {import("./wire.js").Decision} decision
 * @returns {string} for an unsure answer the label it came nearest to, otherwise nothing
 */
export function nearestWords({ label, scores }) {
  if (label !== UNSURE) return "";
  const [best] = Object.entries(scores).sort(([, one], [, other]) => other - one);
  return best ? `nearest: ${labelName(best[0])}` : "";
}
