/** The sound of the last seconds: its wave, and its mel spectrogram under it. */

import { WIRE_RATE_HZ } from "../worklet.js";
import { heatImage, prepare } from "./charts.js";
import { byId } from "./dom.js";
import { HOP_SAMPLES, decibels, magnitudes, melBands, wholeFrames } from "./spectrum.js";

const SHOWN_MS = 8_000;
const COLUMN_MS = (HOP_SAMPLES / WIRE_RATE_HZ) * 1_000;
const COLUMNS = SHOWN_MS / COLUMN_MS;
const BANDS = 48;
const WAVE_PIXELS = 64;
/** From a quiet room to a loud voice. */
const RANGE_DB = 70;
const TOP_DB = -15;
/** For people who asked for less motion: once a second instead of ten times. */
const CALM_MS = 1_000;

/** Draws what it was given when the browser next paints, and nothing otherwise. */
export class Scope {
  /** @type {HTMLCanvasElement} */ #wave = byId("wave");
  /** @type {HTMLCanvasElement} */ #mel = byId("mel");
  /** Rings of one pixel a column, each written once: what is drawn are two copies of them. */
  #waveRing = ring(WAVE_PIXELS);
  #melRing = ring(BANDS);
  #column = 0;
  /** Samples that the next window begins with. */
  #rest = new Float32Array(0);
  #bands = melBands(BANDS);
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #colours = getComputedStyle(this.#wave);
  #isDue = false;

  constructor() {
    const request = () => this.#request();
    new ResizeObserver(request).observe(this.#wave);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", request);
  }

  restart() {
    this.#column = 0;
    this.#rest = new Float32Array(0);
    for (const { canvas, context } of [this.#waveRing, this.#melRing]) {
      context.clearRect(0, 0, canvas.width, canvas.height);
    }
    this.#request();
  }

  /** @param {ArrayBuffer} frame s16le */
  push(frame) {
    const news = Float32Array.from(new Int16Array(frame), (value) => value / 32_768);
    const samples = new Float32Array(this.#rest.length + news.length);
    samples.set(this.#rest);
    samples.set(news, this.#rest.length);
    const windows = wholeFrames(samples);
    this.#rest = samples.slice(windows.length * HOP_SAMPLES);
    this.#take(windows);
    this.#request();
  }

  /** @param {Float32Array[]} windows */
  #take(windows) {
    const room = COLUMNS - (this.#column % COLUMNS);
    const now = windows.slice(0, room);
    if (now.length === 0) return;
    const x = this.#column % COLUMNS;
    this.#melRing.context.putImageData(heatImage(now.map((one) => this.#levels(one))), x, 0);
    const { context } = this.#waveRing;
    context.clearRect(x, 0, now.length, WAVE_PIXELS);
    now.forEach((window, n) => {
      const peak = window.subarray(0, HOP_SAMPLES).reduce((p, s) => Math.max(p, Math.abs(s)), 0);
      const tall = Math.max(1, peak * WAVE_PIXELS);
      context.fillRect(x + n, (WAVE_PIXELS - tall) / 2, 1, tall);
    });
    this.#column += now.length;
    this.#take(windows.slice(room));
  }

  /** @param {Float32Array} window */
  #levels(window) {
    return this.#bands(magnitudes(window)).map(
      (magnitude) => 1 - (TOP_DB - decibels(magnitude)) / RANGE_DB,
    );
  }

  #request() {
    if (this.#isDue) return;
    this.#isDue = true;
    const draw = () => requestAnimationFrame(() => this.#draw());
    if (this.#calm.matches) setTimeout(draw, CALM_MS);
    else draw();
  }

  #draw() {
    this.#isDue = false;
    this.#unroll(this.#mel, this.#melRing.canvas);
    const { context, width, height } = this.#unroll(this.#wave, this.#waveRing.canvas);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = this.#colours.color;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {OffscreenCanvas} from
   */
  #unroll(canvas, from) {
    const { context, width, height } = prepare(canvas);
    const split = this.#column % COLUMNS;
    const left = ((COLUMNS - split) / COLUMNS) * width;
    context.imageSmoothingEnabled = false;
    context.drawImage(from, split, 0, COLUMNS - split, from.height, 0, 0, left, height);
    if (split > 0) {
      context.drawImage(from, 0, 0, split, from.height, left, 0, width - left, height);
    }
    return { context, width, height };
  }
}

/** @param {number} height */
function ring(height) {
  const canvas = new OffscreenCanvas(COLUMNS, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return { canvas, context };
}
