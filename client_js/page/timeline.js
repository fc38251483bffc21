/** The utterances over the wave of the kept audio, each a button that plays it. */

import { WIRE_RATE_HZ } from "../worklet.js";
import { prepare } from "./charts.js";
import { byId, button, paint } from "./dom.js";
import { keptMs } from "./history.js";
import { clock, labelName, utteranceWords } from "./words.js";

const PEAK_MS = 50;
const SAMPLES_PER_MS = WIRE_RATE_HZ / 1_000;
/** So wide that a short utterance can be hit with a finger, and its label read on a phone. */
const PX_PER_S = 20;
const SHOWN_MIN_MS = 12_000;
/** Seldom enough to cost nothing, often enough to be followed. */
const REDRAW_MS = 1_000;

export class Timeline {
  /** @type {HTMLCanvasElement} */ #canvas = byId("overview");
  /** @type {HTMLInputElement} */ #slider = byId("position");
  /** @type {{atMs: number, peak: number}[]} */ #peaks = [];
  /** @type {Map<Utterance, HTMLButtonElement>} */ #marks = new Map();
  #endMs = 0;
  /** The slider is at its end, and stays there while audio comes. */
  #isFollowing = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {(utterance: Utterance) => void} play */
  constructor(play) {
    this.play = play;
    this.#slider.addEventListener("input", () => {
      this.#isFollowing = Number(this.#slider.value) >= Number(this.#slider.max);
      this.#draw();
    });
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /**
   * @param {ArrayBuffer} frame
   * @param {number} atMs where it begins, on the clock of the kept audio
   * @param {number} firstMs from where on audio is kept
   */
  push(frame, atMs, firstMs) {
    const samples = new Int16Array(frame);
    const step = PEAK_MS * SAMPLES_PER_MS;
    for (let from = 0; from < samples.length; from += step) {
      const peak = Math.max(...samples.subarray(from, from + step).map(Math.abs)) / 32_768;
      this.#peaks.push({ atMs: atMs + from / SAMPLES_PER_MS, peak });
    }
    this.#endMs = atMs + samples.length / SAMPLES_PER_MS;
    while (this.#peaks[0]?.atMs < firstMs) this.#peaks.shift();
    for (const utterance of [...this.#marks.keys()]) {
      if (keptMs(utterance.session, utterance.startMs) < firstMs) this.#drop(utterance);
    }
    this.#request();
  }

  /** @param {Utterance} utterance new, or changed */
  show(utterance) {
    if (utterance.state === "discarded") return this.#drop(utterance);
    const label = utterance.answer?.emotion.label ?? "";
    const mark = this.#marks.get(utterance) ?? this.#add(utterance);
    mark.textContent = labelName(label);
    mark.title = utteranceWords(utterance);
    mark.setAttribute("aria-label", `Play: ${mark.title}`);
    mark.disabled = utterance.state === "running";
    paint(mark, label);
    this.#request();
  }

  /** @param {object | null} playing the utterance that is played */
  highlight(playing) {
    for (const [utterance, mark] of this.#marks) {
      mark.setAttribute("aria-pressed", String(utterance === playing));
    }
  }

  clear() {
    for (const utterance of [...this.#marks.keys()]) this.#drop(utterance);
    this.#peaks = [];
    this.#draw();
  }

  /** @param {Utterance} utterance */
  #add(utterance) {
    const mark = button("", "mark", () => this.play(utterance));
    byId("track").append(mark);
    this.#marks.set(utterance, mark);
    return mark;
  }

  /** @param {Utterance} utterance */
  #drop(utterance) {
    this.#marks.get(utterance)?.remove();
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
    const wholeMs = this.#endMs - (this.#peaks[0]?.atMs ?? this.#endMs);
    const shownMs = Math.min((width / PX_PER_S) * 1_000, Math.max(SHOWN_MIN_MS, wholeMs));
    const startMs = this.#place(shownMs);
    const px = (/** @type {number} */ ms) => ((ms - startMs) / shownMs) * width;
    context.fillStyle = getComputedStyle(this.#canvas).color;
    const first = Math.max(0, Math.floor((startMs - (this.#peaks[0]?.atMs ?? 0)) / PEAK_MS));
    for (const { atMs, peak } of this.#peaks.slice(first, first + shownMs / PEAK_MS + 1)) {
      const tall = Math.max(1, peak * height);
      context.fillRect(px(atMs), (height - tall) / 2, (PEAK_MS / shownMs) * width + 0.5, tall);
    }
    for (const [{ session, startMs: fromSessionMs, endMs }, mark] of this.#marks) {
      const fromMs = keptMs(session, fromSessionMs);
      const untilMs = Math.min(this.#endMs, keptMs(session, endMs));
      mark.hidden = untilMs < startMs || fromMs > startMs + shownMs;
      if (mark.hidden) continue;
      mark.style.setProperty("--from", `${px(fromMs)}px`);
      mark.style.setProperty("--wide", `${px(untilMs) - px(fromMs)}px`);
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
    const ends = [startMs, Math.min(startMs + shownMs, this.#endMs)];
    const shown = ends.map((ms) => clock(ms - firstMs)).join(" to ");
    byId("timeline-caption").textContent = `${shown} of the kept audio`;
    this.#slider.setAttribute("aria-valuetext", shown);
    return startMs;
  }
}
