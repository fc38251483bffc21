/** One utterance, looked at closely. */

import { WIRE_RATE_HZ } from "../worklet.js";
import { drawCurve, drawHeat } from "./charts.js";
import { button, element } from "./dom.js";
import { ScoreBars } from "./render.js";
import {
  BINS,
  BIN_HZ,
  decibels,
  magnitudes,
  measure,
  melBands,
  wholeFrames,
} from "./spectrum.js";
import { reasonWords, utteranceWords } from "./words.js";

/** @typedef {(canvas: HTMLCanvasElement) => void} Draw */

const MEL_BANDS = 64;
/** What a decibel picture shows under its loudest point: the dynamics of speech. */
const RANGE_DB = 80;

/** @type {[keyof Measures, string, (value: number) => string][]} */
const CURVES = [
  ["rms", "RMS energy", (value) => value.toFixed(3)],
  ["zeroCrossingRate", "Zero-crossing rate", (value) => value.toFixed(3)],
  ["bandEnergyRatioDb", "Band energy ratio, under against over 2 kHz", (v) => `${v.toFixed(1)} dB`],
  ["centroidHz", "Spectral centroid", hertz],
  ["bandwidthHz", "Spectral bandwidth", hertz],
];

/**
 * @param {HTMLDialogElement} dialog
 * @param {Utterance} utterance with a result
 * @param {Float32Array | null} samples null where they are not kept any more
 */
export function openAnalysis(dialog, utterance, samples) {
  const title = element("h2", "", utteranceWords(utterance));
  title.id = "analysis-title";
  const close = button("Close", "button secondary", () => dialog.close());
  const plots = samples ? charts(samples) : [];
  const { source, created } = utterance.session;
  const about = `${source}, by ${created.model.name}: ${reasonWords(utterance)}.`;
  const note = samples ? "" : " Its audio is no longer kept, so it cannot be drawn.";
  dialog.replaceChildren(
    element("div", "dialog-head", title, close),
    element("p", "hint", about + note),
    element("div", "questions", ...answers(utterance)),
    element("div", "charts", ...plots.map(({ figure }) => figure)),
  );
  dialog.showModal();
  // A canvas knows its size once it is shown.
  for (const { draw } of plots) draw();
}

/** @param {Utterance} utterance */
function answers({ answer }) {
  if (!answer) return [];
  return [answer.emotion, answer.gender].map((one) => {
    const list = element("ul", "scores");
    const bars = new ScoreBars(list);
    bars.setLabels(Object.keys(one.scores));
    bars.show(one);
    return list;
  });
}

/** @param {Float32Array} samples */
function charts(samples) {
  const frames = wholeFrames(samples);
  const spectra = frames.map(magnitudes);
  const measures = frames.map((frame, n) => measure(frame, spectra[n]));
  const seconds = `${(samples.length / WIRE_RATE_HZ).toFixed(1)} s`;
  return [
    ...pictures(samples, spectra, seconds),
    ...CURVES.map(([name, title, words]) => {
      const values = measures.map((one) => one[name]);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const facts = `${words(low)} to ${words(high)}, mean ${words(mean)}; over ${seconds}`;
      return chart(title, facts, (canvas) => drawCurve(canvas, values, [low, high]));
    }),
  ];
}

/**
 * @param {Float32Array} samples
 * @param {Float32Array[]} spectra
 * @param {string} seconds
 */
function pictures(samples, spectra, seconds) {
  const average = Array.from({ length: BINS }, (_, bin) =>
    spectra.reduce((sum, spectrum) => sum + spectrum[bin] / spectra.length, 0),
  );
  const top = Math.max(...average);
  const loudestHz = average.indexOf(top) * BIN_HZ;
  const loudest = spectra.reduce((most, one) => Math.max(most, ...one), 1e-6);
  const bands = melBands(MEL_BANDS);
  const over = `0 to 8 kHz; over ${seconds}`;
  /** @param {Float32Array} values */
  const shares = (values) =>
    values.map((value) => 1 + (decibels(value) - decibels(loudest)) / RANGE_DB);
  const wave = envelope(samples);
  return [
    chart("Waveform", `over ${seconds}`, (canvas) => drawCurve(canvas, wave, [-1, 1])),
    chart("Magnitude spectrum, mean", `strongest at ${hertz(loudestHz)}; 0 to 8 kHz`, (canvas) =>
      drawCurve(canvas, average, [0, top]),
    ),
    chart("Spectrogram, linear amplitude", over, (canvas) =>
      drawHeat(
        canvas,
        spectra.map((one) => one.map((value) => value / loudest)),
      ),
    ),
    chart("Spectrogram, log amplitude", `${RANGE_DB} dB; ${over}`, (canvas) =>
      drawHeat(canvas, spectra.map(shares)),
    ),
    chart("Mel spectrogram", `${MEL_BANDS} bands; ${RANGE_DB} dB; ${over}`, (canvas) =>
      drawHeat(
        canvas,
        spectra.map((one) => shares(bands(one))),
      ),
    ),
  ];
}

/**
 * @param {Float32Array} samples
 * @returns {number[]} lowest and highest of each of as many stretches as a picture can show
 */
function envelope(samples) {
  const step = Math.max(1, Math.floor(samples.length / 1_000));
  const ends = [];
  for (let at = 0; at < samples.length; at += step) {
    const stretch = samples.subarray(at, at + step);
    ends.push(Math.min(...stretch), Math.max(...stretch));
  }
  return ends;
}

/**
 * @param {string} title
 * @param {string} facts what the picture shows, for those who do not see it too
 * @param {Draw} draw
 */
function chart(title, facts, draw) {
  const canvas = /** @type {HTMLCanvasElement} */ (element("canvas", ""));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}: ${facts}`);
  const caption = element("figcaption", "", element("strong", "", title), ` ${facts}`);
  return { figure: element("figure", "chart", caption, canvas), draw: () => draw(canvas) };
}

/** @param {number} value */
function hertz(value) {
  return `${Math.round(value)} Hz`;
}
