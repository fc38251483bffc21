/** The colour of a label: a model may have other labels than those that are known here. */

import { UNSURE } from "../wire.js";

const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];
/** Two answers share a page, but not a list: their colours may meet. */
const ALSO = { boredom: "neutral", bored: "neutral", fear: "fearful", surprise: "surprised" };
const GENDERS = { female: "fearful", male: "calm" };

/**
 * @param {string} label
 * @returns {string} the name of a custom property of the style sheet
 */
export function colourName(label) {
  const alias = /** @type {Record<string, string>} */ ({ ...ALSO, ...GENDERS })[label] ?? label;
  if (alias === "" || alias === UNSURE || KNOWN.includes(alias)) return `--is-${alias || "none"}`;
  const sum = [...alias].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return `--is-${KNOWN[sum % KNOWN.length]}`;
}

/**
 * @param {HTMLElement} element
 * @param {string} label
 */
export function paint(element, label) {
  element.dataset.label = label;
  element.style.setProperty("--label", `var(${colourName(label)})`);
}
