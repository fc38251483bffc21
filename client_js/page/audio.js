/** The latest audio, to be played and looked at again; none of it leaves the page. */

import { Emitter } from "../emitter.js";
import { WIRE_BYTES_PER_MS, WIRE_RATE_HZ } from "../worklet.js";

/** Frames of s16le audio on a clock of its own; the oldest go when there are too many. */
export class AudioStore {
  /** @type {{atMs: number, frame: ArrayBuffer}[]} */ #frames = [];
  #limitMs = 0;
  #endMs = 0;

  /** @returns {number} where the next frame begins */
  get endMs() {
    return this.#endMs;
  }

  /** @returns {number} from where on audio is kept */
  get startMs() {
    return this.#frames[0]?.atMs ?? this.#endMs;
  }

  /** @param {number} limitMs how much to keep from now on */
  limit(limitMs) {
    this.#limitMs = limitMs;
  }

  /** @param {ArrayBuffer} frame */
  push(frame) {
    this.#frames.push({ atMs: this.#endMs, frame });
    this.#endMs += frame.byteLength / WIRE_BYTES_PER_MS;
    while (this.#endMs - this.startMs > this.#limitMs) this.#frames.shift();
  }

  /**
   * @param {number} startMs
   * @param {number} endMs
   * @returns {Float32Array | null} null where it is not kept any more
   */
  samples(startMs, endMs) {
    if (startMs < this.startMs || endMs <= startMs) return null;
    const parts = this.#frames.filter(
      ({ atMs, frame }) =>
        atMs < endMs && atMs + frame.byteLength / WIRE_BYTES_PER_MS > startMs,
    );
    const whole = parts.flatMap(({ frame }) => [...new Int16Array(frame)]);
    const first = Math.round(((startMs - parts[0].atMs) * WIRE_RATE_HZ) / 1_000);
    const count = Math.round(((endMs - startMs) * WIRE_RATE_HZ) / 1_000);
    return Float32Array.from(whole.slice(first, first + count), (value) => value / 32_768);
  }
}

/**
 * Plays one thing at a time; `changed` comes with what is played, or null.
 *
 * @extends {Emitter<{changed: object | null}>}
 */
export class Player extends Emitter {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {AudioBufferSourceNode | null} */ #node = null;
  /** @type {object | null} */ #key = null;

  /**
   * Asked for what it plays already, it stops.
   *
   * @param {object} key
   * @param {Float32Array} samples at 16 kHz
   */
  toggle(key, samples) {
    const wasPlaying = this.#key === key;
    this.stop();
    if (wasPlaying) return;
    this.#context ??= new AudioContext();
    void this.#context.resume();
    const buffer = this.#context.createBuffer(1, samples.length, WIRE_RATE_HZ);
    buffer.getChannelData(0).set(samples);
    const node = new AudioBufferSourceNode(this.#context, { buffer });
    node.connect(this.#context.destination);
    node.onended = () => this.#node === node && this.stop();
    node.start();
    this.#node = node;
    this.#enter(key);
  }

  stop() {
    this.#node?.stop();
    this.#node = null;
    // An idle context keeps the sound device, and a share of a core, busy.
    void this.#context?.suspend();
    if (this.#key) this.#enter(null);
  }

  /** @param {object | null} key */
  #enter(key) {
    this.#key = key;
    this.emit("changed", key);
  }
}
