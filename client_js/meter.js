/** The moving strip of levels, coloured where somebody was heard to speak. */

import { FLOOR_DBFS, meterShare, stepLevels } from "./level.js";
import { WIRE_BYTES_PER_MS } from "./pcm.js";

const STEP_MS = 50;
const BAR_WIDTH_PX = 2.5;
const BAR_PITCH_PX = 4;
/** Quiet bars stay visible as a line. */
const BAR_MIN_HEIGHT_PX = 2;
/** Wider than any screen's worth of bars. */
const KEPT_BARS = 1_000;

/** @typedef {{id: number, startMs: number, endMs: number, label: string}} Span */

/** Draws what it was given when the browser next paints, and nothing otherwise. */
export class LevelStrip {
  /** @type {HTMLElement} */ #meter;
  /** @type {HTMLCanvasElement} */ #canvas;
  /** @type {{atMs: number, dbfs: number}[]} */ #bars = [];
  /** @type {Span[]} */ #spans = [];
  #audioMs = 0;
  #isDue = false;

  /**
   * @param {HTMLElement} meter told the level in words
   * @param {HTMLCanvasElement} canvas
   */
  constructor(meter, canvas) {
    this.#meter = meter;
    this.#canvas = canvas;
    new ResizeObserver(() => this.#request()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#request());
  }

  /** @returns {number} audio shown since the session began */
  get audioMs() {
    return this.#audioMs;
  }

  /** A new session: its audio clock starts at 0. */
  restart() {
    this.#audioMs = 0;
    this.#bars = [];
    this.#spans = [];
    this.#request();
  }

  /** @param {ArrayBuffer} frame s16le */
  push(frame) {
    for (const dbfs of stepLevels(frame, STEP_MS * WIRE_BYTES_PER_MS)) {
      this.#bars.push({ atMs: this.#audioMs, dbfs });
      this.#audioMs += STEP_MS;
    }
    this.#bars.splice(0, this.#bars.length - KEPT_BARS);
    this.#request();
  }

  /**
   * Colours the time of an utterance; the latest call about it counts.
   *
   * @param {number} id
   * @param {number} startMs
   * @param {number} endMs
   * @param {string} label
   */
  mark(id, startMs, endMs, label) {
    const firstMs = this.#bars[0]?.atMs ?? 0;
    this.#spans = this.#spans.filter((span) => span.id !== id && span.endMs > firstMs);
    this.#spans.push({ id, startMs, endMs, label });
    this.#request();
  }

  #request() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw() {
    const dbfs = Math.round(this.#bars.at(-1)?.dbfs ?? FLOOR_DBFS);
    this.#meter.setAttribute("aria-valuenow", String(dbfs));
    this.#meter.setAttribute("aria-valuetext", dbfs <= FLOOR_DBFS ? "silent" : `${dbfs} decibels`);

    const { clientWidth: width, clientHeight: height } = this.#canvas;
    this.#canvas.width = width * devicePixelRatio;
    this.#canvas.height = height * devicePixelRatio;
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    context.scale(devicePixelRatio, devicePixelRatio);
    const colours = getComputedStyle(this.#canvas);
    const shown = Math.floor(width / BAR_PITCH_PX);
    for (let n = 0; n < shown; n += 1) {
      const bar = this.#bars.at(n - shown);
      const isBar = bar !== undefined && this.#bars.length >= shown - n;
      const share = isBar ? meterShare(bar.dbfs) : 0;
      const tall = Math.max(BAR_MIN_HEIGHT_PX, share * height);
      const name = isBar ? this.#colourName(bar.atMs) : "--strip-idle";
      context.fillStyle =
        colours.getPropertyValue(name) || colours.getPropertyValue("--strip-speech");
      context.beginPath();
      context.roundRect(
        n * BAR_PITCH_PX,
        (height - tall) / 2,
        BAR_WIDTH_PX,
        tall,
        BAR_WIDTH_PX / 2,
      );
      context.fill();
    }
  }

  /** @param {number} atMs */
  #colourName(atMs) {
    const span = this.#spans.find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
    return span ? `--label-${span.label}` : "--strip-quiet";
  }
}
