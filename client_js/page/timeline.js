/** The utterances over the wave of the kept audio, each a button that plays it. */

import { prepare } from "./charts.js";
import { paint } from "./labels.js";
import { element } from "./render.js";
import { clock, utteranceWords } from "./words.js";

/** @typedef {import("./history.js").Utterance} Utterance */

const PEAK_MS = 50;
/** So wide that a short utterance can be hit with a finger. */
const PX_PER_S = 12;
/** Seldom enough to cost nothing, often enough to be followed. */
const REDRAW_MS = 1_000;

export class Timeline {
  /** @type {HTMLElement} */ #track;
  /** @type {HTMLCanvasElement} */ #canvas;
  /** @type {HTMLInputElement} */ #slider;
  /** @type {HTMLElement} */ #caption;
  /** @type {(utterance: Utterance) => void} */ #play;
  /** @type {{atMs: number, peak: number}[]} */ #peaks = [];
  /** @type {Map<Utterance, {button: HTMLButtonElement, atMs: number}>} */ #marks = new Map();
  #endMs = 0;
  /** The slider is at its end, and stays there while audio comes. */
  #isFollowing = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {{track: HTMLElement, canvas: HTMLCanvasElement, slider: HTMLInputElement,
   *   caption: HTMLElement}} places
   * @param {(utterance: Utterance) => void} play
   */
  constructor({ track, canvas, slider, caption }, play) {
    this.#track = track;
    this.#canvas = canvas;
    this.#slider = slider;
    this.#caption = caption;
    this.#play = play;
    slider.addEventListener("input", () => {
      this.#isFollowing = Number(slider.value) >= Number(slider.max);
      this.#draw();
    });
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  /**
   * @param {ArrayBuffer} frame
   * @param {number} atMs where it begins, on the clock of the kept audio
   * @param {number} firstMs from where on audio is kept
   */
  push(frame, atMs, firstMs) {
    const samples = new Int16Array(frame);
    const step = PEAK_MS * 16;
    for (let from = 0; from < samples.length; from += step) {
      const peak = samples.subarray(from, from + step).reduce((p, s) => Math.max(p, Math.abs(s)), 0);
      this.#peaks.push({ atMs: atMs + from / 16, peak: peak / 32_768 });
    }
    this.#endMs = atMs + samples.length / 16;
    while (this.#peaks.length > 0 && this.#peaks[0].atMs < firstMs) this.#peaks.shift();
    for (const [utterance, mark] of this.#marks) {
      if (mark.atMs < firstMs) this.#drop(utterance);
    }
    this.#request();
  }

  /**
   * @param {Utterance} utterance new, or changed
   * @param {number} atMs where it begins, on the clock of the kept audio
   */
  show(utterance, atMs) {
    if (utterance.state === "discarded") return this.#drop(utterance);
    const button = this.#marks.get(utterance)?.button ?? this.#newButton(utterance);
    const name = utteranceWords(utterance);
    button.textContent = utterance.answer?.emotion.label ?? "";
    button.setAttribute("aria-label", `Play: ${name}`);
    button.title = name;
    button.disabled = utterance.state === "running";
    paint(button, utterance.answer?.emotion.label ?? "");
    this.#marks.set(utterance, { button, atMs });
    this.#request();
  }

  /** @param {object | null} playing the utterance that is played */
  highlight(playing) {
    for (const [utterance, { button }] of this.#marks) {
      button.setAttribute("aria-pressed", String(utterance === playing));
    }
  }

  clear() {
    for (const utterance of [...this.#marks.keys()]) this.#drop(utterance);
    this.#peaks = [];
    this.#draw();
  }

  /** @param {Utterance} utterance */
  #newButton(utterance) {
    const button = /** @type {HTMLButtonElement} */ (element("button", "mark"));
    button.type = "button";
    button.addEventListener("click", () => this.#play(utterance));
    this.#track.append(button);
    return button;
  }

  /** @param {Utterance} utterance */
  #drop(utterance) {
    this.#marks.get(utterance)?.button.remove();
    this.#marks.delete(utterance);
  }

  #request() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, REDRAW_MS);
  }

  #draw() {
    const { context, width, height } = prepare(this.#canvas);
    const shownMs = Math.max(5_000, (width / PX_PER_S) * 1_000);
    const startMs = this.#place(shownMs);
    const px = (/** @type {number} */ ms) => ((ms - startMs) / shownMs) * width;
    context.fillStyle = getComputedStyle(this.#canvas).color;
    for (const { atMs, peak } of this.#peaks) {
      if (atMs < startMs || atMs > startMs + shownMs) continue;
      const tall = Math.max(1, peak * height);
      context.fillRect(px(atMs), (height - tall) / 2, (PEAK_MS / shownMs) * width + 0.5, tall);
    }
    for (const [{ startMs: from, endMs }, { button, atMs }] of this.#marks) {
      const untilMs = Number.isFinite(endMs) ? atMs + endMs - from : this.#endMs;
      button.hidden = untilMs < startMs || atMs > startMs + shownMs;
      button.style.setProperty("--from", `${px(atMs)}px`);
      button.style.setProperty("--wide", `${px(untilMs) - px(atMs)}px`);
    }
  }

  /**
   * Sets the slider's range to what there is to look at.
   *
   * @param {number} shownMs
   * @returns {number} where the shown part begins
   */
  #place(shownMs) {
    const firstMs = this.#peaks[0]?.atMs ?? this.#endMs;
    const lastMs = Math.max(firstMs, this.#endMs - shownMs);
    this.#slider.hidden = lastMs === firstMs;
    this.#slider.min = String(firstMs);
    this.#slider.max = String(lastMs);
    if (this.#isFollowing) this.#slider.value = String(lastMs);
    const startMs = Math.max(firstMs, Math.min(lastMs, Number(this.#slider.value)));
    const untilMs = Math.min(startMs + shownMs, this.#endMs);
    const [from, until] = [startMs, untilMs].map((ms) => clock(ms - firstMs));
    this.#caption.textContent = this.#peaks.length > 0 ? `${from} to ${until} of the kept audio` : "";
    this.#slider.setAttribute("aria-valuetext", `from ${from}`);
    return startMs;
  }
}
