/** What the page says, apart from the page: pure text. */

import { UNSURE } from "../wire.js";

/** @type {Record<string, string>} */
const END_REASONS = {
  silence: "ended at a pause",
  max_duration: "split at the longest length",
  flush: "ended on request",
  end_of_stream: "ended with the recording",
};

/** @type {Record<string, string>} */
const DISCARD_REASONS = {
  too_short: "too short to judge",
  unvoiced: "no voice in it",
  overloaded: "the server was too busy",
  failed: "the recogniser failed",
  connection_lost: "the connection was lost",
};

/** @param {string} reason of a result */
export function endReason(reason) {
  return END_REASONS[reason] ?? spaced(reason);
}

/** @param {string} reason of a discarded utterance */
export function discardReason(reason) {
  return DISCARD_REASONS[reason] ?? spaced(reason);
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
 * @param {import("../events").Result} result
 * @returns {string} a sentence for a screen reader
 */
export function spokenResult({ emotion, gender }) {
  return `${labelName(emotion.label)}, ${percent(emotion.confidence)}. ${labelName(gender.label)}, ${percent(gender.confidence)}.`;
}

/**
 * @param {import("../client.js").StateChange} change
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

/**
 * One measured figure of a model's card.
 *
 * @typedef {object} Figure
 * @property {string} corpus
 * @property {string} protocol who was in training and who was not
 * @property {string} task `emotion` or `gender`
 * @property {string} metric `uar` (mean recall of the classes), `accuracy` or `ece`
 * @property {number} value
 */

/** @param {Partial<import("../events").ModelEntry>} model */
export function modelWords({ description, accuracy = [], licence }) {
  const figures = /** @type {unknown[]} */ (accuracy);
  const measured = accuracyWords(/** @type {Figure[]} */ (figures));
  return [description, measured, licence && `Licence of the weights: ${licence}.`]
    .filter(Boolean)
    .join(" ");
}

/**
 * The card's first figure for emotion, and the one for gender that was measured with it.
 *
 * @param {Figure[]} figures
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

/** @param {import("../events").Answer} gender */
export function genderWords({ label, confidence }) {
  return label === UNSURE ? "Gender unsure" : `${labelName(label)} ${percent(confidence)}`;
}

/**
 * @param {import("../events").Answer} decision
 * @returns {string} for an unsure answer the label it came nearest to, otherwise nothing
 */
export function nearestWords({ label, scores }) {
  if (label !== UNSURE) return "";
  const [best] = Object.entries(scores).sort(([, one], [, other]) => other - one);
  return best ? `nearest: ${labelName(best[0])}` : "";
}

/**
 * @param {import("./history.js").Utterance} utterance
 * @returns {string} all that a title needs
 */
export function utteranceWords({ startMs, endMs, answer }) {
  const when = Number.isFinite(endMs) ? `${clock(startMs)} to ${clock(endMs)}` : "running";
  if (!answer) return when;
  const { label, confidence } = answer.emotion;
  return `${labelName(label)} ${percent(confidence)}, ${genderWords(answer.gender)}, ${when}`;
}

/** @param {import("./history.js").Utterance} utterance */
export function modelAnswerWords({ answer, reason, session }) {
  const { name } = session.created.model;
  const late = answer && "latency_ms" in answer && answer.latency_ms;
  const told = late ? `, told ${Math.round(late)} ms after its end was heard` : "";
  return `${session.source}, by ${name}: ${endReason(reason)}${told}.`;
}

/** @param {import("./history.js").Summary} summary */
export function summaryWords({ results, discarded, speechMs }) {
  const heard = results === 1 ? "1 utterance" : `${results} utterances`;
  const left = discarded === 0 ? "" : `, ${discarded} left out`;
  return `${heard}, ${clock(speechMs)} of speech${left}`;
}
