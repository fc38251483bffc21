/** The sound of the last seconds: its wave, and its mel spectrogram under it. */

import { WIRE_RATE_HZ } from "../worklet.js";
import { heatImage, prepare } from "./charts.js";
import { byId } from "./dom.js";
import { FRAME_SAMPLES, HOP_SAMPLES, decibels, magnitudes, melBands } from "./spectrum.js";

const SHOWN_MS = 8_000;
const COLUMN_MS = (HOP_SAMPLES / WIRE_RATE_HZ) * 1_000;
const COLUMNS = SHOWN_MS / COLUMN_MS;
const BANDS = 48;
/** From a quiet room to a loud voice. */
const RANGE_DB = 70;
const TOP_DB = -15;
/** For people who asked for less motion: once a second instead of ten times. */
const CALM_MS = 1_000;

/** Draws what it was given when the browser next paints, and nothing otherwise. */
export class Scope {
  /** @type {HTMLCanvasElement} */ #wave = byId("wave");
  /** @type {HTMLCanvasElement} */ #mel = byId("mel");
  /** One pixel a column and band, written round and round. */
  #ring = new OffscreenCanvas(COLUMNS, BANDS);
  #peaks = new Float32Array(COLUMNS);
  #column = 0;
  /** Samples that the next window begins with. */
  #rest = new Float32Array(0);
  #bands = melBands(BANDS);
  #isDue = false;
  #drawnAtMs = 0;

  constructor() {
    const request = () => this.#request();
    new ResizeObserver(request).observe(this.#wave);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", request);
  }

  restart() {
    this.#peaks.fill(0);
    this.#column = 0;
    this.#rest = new Float32Array(0);
    this.#ring.getContext("2d")?.clearRect(0, 0, COLUMNS, BANDS);
    this.#request();
  }

  /** @param {ArrayBuffer} frame s16le */
  push(frame) {
    const news = Float32Array.from(new Int16Array(frame), (value) => value / 32_768);
    const samples = new Float32Array(this.#rest.length + news.length);
    samples.set(this.#rest);
    samples.set(news, this.#rest.length);
    let at = 0;
    for (; at + FRAME_SAMPLES <= samples.length; at += HOP_SAMPLES) {
      this.#take(samples.subarray(at, at + FRAME_SAMPLES));
    }
    this.#rest = samples.slice(at);
    this.#request();
  }

  /** @param {Float32Array} window */
  #take(window) {
    const x = this.#column % COLUMNS;
    this.#peaks[x] = window
      .subarray(0, HOP_SAMPLES)
      .reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
    const levels = this.#bands(magnitudes(window)).map(
      (magnitude) => 1 - (TOP_DB - decibels(magnitude)) / RANGE_DB,
    );
    this.#ring.getContext("2d")?.putImageData(heatImage([levels]), x, 0);
    this.#column += 1;
  }

  #request() {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (this.#isDue || (isCalm && performance.now() - this.#drawnAtMs < CALM_MS)) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#drawnAtMs = performance.now();
      this.#drawWave();
      this.#drawMel();
    });
  }

  #drawWave() {
    const { context, width, height } = prepare(this.#wave);
    context.fillStyle = getComputedStyle(this.#wave).color;
    const bar = width / COLUMNS;
    for (let n = 0; n < COLUMNS; n += 1) {
      const tall = Math.max(1, this.#peaks[(this.#column + n) % COLUMNS] * height);
      context.fillRect(n * bar, (height - tall) / 2, bar, tall);
    }
  }

  #drawMel() {
    const { context, width, height } = prepare(this.#mel);
    context.imageSmoothingEnabled = false;
    const split = this.#column % COLUMNS;
    const left = ((COLUMNS - split) / COLUMNS) * width;
    if (split < COLUMNS) {
      context.drawImage(this.#ring, split, 0, COLUMNS - split, BANDS, 0, 0, left, height);
    }
    if (split > 0) context.drawImage(this.#ring, 0, 0, split, BANDS, left, 0, width - left, height);
  }
}
