/** Float samples to the wire's 16-bit frames: pure arithmetic, no browser. */

/** The rate everything is sent at: what the recogniser works in. */
export const WIRE_RATE_HZ = 16_000;
/** Bytes of one millisecond of mono 16-bit audio at {@link WIRE_RATE_HZ}. */
export const WIRE_BYTES_PER_MS = (WIRE_RATE_HZ / 1_000) * 2;
/** 10 messages a second: well under a server's interim interval, far over a message's cost. */
export const FRAME_MS = 100;

/**
 * @param {number} sample in [-1, 1]; what lies outside is clamped, NaN is silence
 * @returns {number} whole, in [-32768, 32767]
 */
export function toInt16(sample) {
  // 32768 both ways is the exact inverse of reading 16-bit audio as sample / 32768.
  const scaled = Math.round(sample * 32_768);
  return Math.max(-32_768, Math.min(32_767, scaled || 0));
}

/**
 * Cuts float samples into frames of s16le bytes. Leftovers are carried, never padded.
 */
export class PcmFramer {
  /** @type {DataView} */ #frame;
  #filled = 0;

  /** @param {number} [frameSamples] samples in a frame */
  constructor(frameSamples = (WIRE_RATE_HZ * FRAME_MS) / 1_000) {
    if (!Number.isInteger(frameSamples) || frameSamples <= 0) {
      throw new RangeError(
        `a frame must hold a positive whole number of samples, not ${frameSamples}`,
      );
    }
    this.#frame = new DataView(new ArrayBuffer(2 * frameSamples));
  }

  /**
   * @param {Float32Array} samples mono, in [-1, 1]
   * @returns {ArrayBuffer[]} the frames that are full by now; the caller may transfer them
   */
  push(samples) {
    const frames = [];
    for (const sample of samples) {
      // DataView, because a typed array would follow the machine's byte order.
      this.#frame.setInt16(this.#filled, toInt16(sample), true);
      this.#filled += 2;
      if (this.#filled === this.#frame.byteLength) frames.push(this.#take());
    }
    return frames;
  }

  /** @returns {ArrayBuffer | null} the last, shorter frame, or null when nothing is left */
  flush() {
    if (this.#filled === 0) return null;
    const filled = this.#filled;
    return this.#take().slice(0, filled);
  }

  #take() {
    const full = /** @type {ArrayBuffer} */ (this.#frame.buffer);
    this.#frame = new DataView(new ArrayBuffer(full.byteLength));
    this.#filled = 0;
    return full;
  }
}
