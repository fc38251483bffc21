/** The page's small print: connection, notice, and what the session measures of itself. */

import { byId } from "./dom.js";
import { clock } from "./words.js";

/**
 * @param {string} words
 * @param {string} state for the colour
 */
export function showStatus(words, state) {
  byId("connection").textContent = words;
  byId("connection").dataset.state = state;
}

/** @param {string} sentence empty for nothing to say */
export function notify(sentence) {
  byId("notice").textContent = sentence;
  byId("notice").hidden = sentence === "";
}

/** @param {{audioMs: number, lagMs?: number, droppedMs?: number}} facts heard, behind, not sent */
export function showFacts({ audioMs, lagMs, droppedMs = 0 }) {
  const lag = lagMs === undefined ? "" : `server lag ${lagMs} ms`;
  const dropped = droppedMs === 0 ? "" : `${(droppedMs / 1_000).toFixed(1)} s not sent`;
  // Whole seconds, for each new text lays the page out anew.
  write("elapsed", clock(audioMs).slice(0, -2));
  write("traffic", [dropped, lag].filter(Boolean).join(" · "));
}

/**
 * @param {string} id
 * @param {string} text
 */
function write(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}
