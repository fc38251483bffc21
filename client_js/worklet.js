/**
 * Runs on the audio thread: device-rate samples in, 16 kHz s16le frames out. The arithmetic is also
 * used outside of it, for files.
 *
 * It imports nothing, because bundlers copy a worklet's file and do not look into it.
 *
 * Messages to the page: an ArrayBuffer for each frame, then `"finished"` once the page has asked
 * to `"finish"` and the last, shorter frame has gone.
 */

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
 *
 * One buffer for all of its frames: what the audio thread allocates is not collected for an hour.
 */
export class PcmFramer {
  /** @type {ArrayBuffer} */ #bytes;
  /** @type {DataView} */ #frame;
  #filled = 0;

  /** @param {number} [frameSamples] samples in a frame */
  constructor(frameSamples = (WIRE_RATE_HZ * FRAME_MS) / 1_000) {
    if (!Number.isInteger(frameSamples) || frameSamples <= 0) {
      throw new RangeError(
        `a frame must hold a positive whole number of samples, not ${frameSamples}`,
      );
    }
    this.#bytes = new ArrayBuffer(2 * frameSamples);
    this.#frame = new DataView(this.#bytes);
  }

  /**
   * @param {Float32Array} samples mono, in [-1, 1]
   * @returns {Generator<ArrayBuffer, void>} each full frame, to be copied before the next is asked
   *   for: the next one overwrites it
   */
  *push(samples) {
    for (const sample of samples) {
      // DataView, because a typed array would follow the machine's byte order.
      this.#frame.setInt16(this.#filled, toInt16(sample), true);
      this.#filled += 2;
      if (this.#filled === this.#frame.byteLength) {
        this.#filled = 0;
        yield this.#bytes;
      }
    }
  }

  /** @returns {ArrayBuffer | null} the last, shorter frame, or null when nothing is left */
  flush() {
    const filled = this.#filled;
    this.#filled = 0;
    return filled === 0 ? null : this.#bytes.slice(0, filled);
  }
}

// --- Resampling: a windowed-sinc low-pass. Dropping or interpolating samples without it folds
// everything above 8 kHz into the speech band, where the recogniser's features see it.

const STOPBAND_DB = 80;
/** Share of the lower rate's Nyquist that passes untouched: 7.2 kHz of 8 kHz, as soxr does about. */
const PASSBAND = 0.9;
/** Kaiser's formula for the window's shape at a stop-band of more than 50 dB. */
const KAISER_BETA = 0.1102 * (STOPBAND_DB - 8.7);

/**
 * Converts mono float32 from one rate to another, block by block.
 *
 * Any split of the same input gives bit for bit the same output, and output sample 0 lies at input
 * sample 0: the filter's delay is taken out. `flush` ends the stream.
 */
export class Resampler {
  /** @type {number} */ #up;
  /** @type {number} */ #down;
  /** @type {Float32Array[]} One set of taps for each position between two input samples. */ #phases;
  /** @type {number} */ #reach;
  /** @type {Float32Array} Input that later output still needs, from #start to #end. */ #held;
  #start = 0;
  #end = 0;
  #phase = 0;
  #inputSamples = 0;
  #outputSamples = 0;

  /**
   * @param {number} fromHz rate of the input, a whole number of Hz
   * @param {number} toHz rate of the output, a whole number of Hz
   * @throws {RangeError} when a rate is not a positive whole number
   */
  constructor(fromHz, toHz) {
    for (const rateHz of [fromHz, toHz]) {
      if (!Number.isInteger(rateHz) || rateHz <= 0) {
        throw new RangeError(`a sample rate must be a positive whole number, not ${rateHz}`);
      }
    }
    const divisor = greatestCommonDivisor(fromHz, toHz);
    this.#up = toHz / divisor;
    this.#down = fromHz / divisor;
    this.#reach = filterReach(fromHz, toHz);
    this.#phases = designPhases(this.#up, this.#reach, fromHz, toHz);
    this.#held = new Float32Array(4 * this.#reach + 1024);
    // Silence before the first sample, so that the first output's taps have something to lie on.
    this.#end = Math.max(this.#reach - 1, 0);
  }

  /**
   * @param {Float32Array} block mono samples at the input rate, any number of them
   * @returns {Float32Array} the output that is complete by now, possibly empty
   */
  process(block) {
    this.#inputSamples += block.length;
    if (this.#reach === 0) return block.slice();
    this.#hold(block);
    return this.#produce(Infinity);
  }

  /**
   * Ends the stream: what is left, up to the output length that the input's duration makes.
   *
   * @returns {Float32Array}
   */
  flush() {
    if (this.#reach === 0) return new Float32Array(0);
    this.#hold(new Float32Array(this.#reach));
    const total = Math.ceil((this.#inputSamples * this.#up) / this.#down);
    return this.#produce(total - this.#outputSamples);
  }

  /** @param {Float32Array} block */
  #hold(block) {
    if (this.#end + block.length > this.#held.length) this.#makeRoom(block.length);
    this.#held.set(block, this.#end);
    this.#end += block.length;
  }

  /** @param {number} samples */
  #makeRoom(samples) {
    const kept = this.#held.subarray(this.#start, this.#end);
    const fits = kept.length + samples <= this.#held.length;
    const target = fits ? this.#held : new Float32Array(2 * (kept.length + samples));
    target.set(kept);
    this.#held = target;
    this.#start = 0;
    this.#end = kept.length;
  }

  /**
   * @param {number} limit at most this many samples
   * @returns {Float32Array}
   */
  #produce(limit) {
    const taps = 2 * this.#reach;
    // Positions are whole numbers over #up: hours of audio do not drift.
    const spare = (this.#end - this.#start - taps + 1) * this.#up - this.#phase;
    const ready = spare > 0 ? Math.ceil(spare / this.#down) : 0;
    const output = new Float32Array(Math.max(Math.min(ready, limit), 0));
    for (let n = 0; n < output.length; n += 1) {
      output[n] = dot(this.#phases[this.#phase], this.#held, this.#start);
      const position = this.#phase + this.#down;
      this.#start += Math.floor(position / this.#up);
      this.#phase = position % this.#up;
    }
    this.#outputSamples += output.length;
    return output;
  }
}

/**
 * @param {Float32Array} taps
 * @param {Float32Array} samples
 * @param {number} start
 */
function dot(taps, samples, start) {
  let sum = 0;
  for (let k = 0; k < taps.length; k += 1) sum += taps[k] * samples[start + k];
  return sum;
}

/**
 * Input samples the filter reaches to either side, from Kaiser's length formula; 0 where there is
 * nothing to convert.
 *
 * @param {number} fromHz
 * @param {number} toHz
 */
function filterReach(fromHz, toHz) {
  if (fromHz === toHz) return 0;
  const nyquistHz = Math.min(fromHz, toHz) / 2;
  const transition = (2 * Math.PI * nyquistHz * (1 - PASSBAND)) / fromHz;
  return Math.ceil((STOPBAND_DB - 7.95) / (2.285 * transition) / 2);
}

/**
 * @param {number} up
 * @param {number} reach
 * @param {number} fromHz
 * @param {number} toHz
 * @returns {Float32Array[]} `up` arrays of `2 * reach` taps, each with a gain of 1 at 0 Hz
 */
function designPhases(up, reach, fromHz, toHz) {
  const nyquistHz = Math.min(fromHz, toHz) / 2;
  const cutoff = (nyquistHz * (1 + PASSBAND)) / 2 / fromHz;
  return Array.from({ length: up }, (_, phase) => {
    const taps = new Float32Array(2 * reach);
    for (let k = 0; k < taps.length; k += 1) {
      const distance = k - (reach - 1) - phase / up;
      taps[k] = 2 * cutoff * sinc(2 * cutoff * distance) * kaiser(distance / reach);
    }
    const gain = taps.reduce((sum, tap) => sum + tap, 0);
    return taps.map((tap) => tap / gain);
  });
}

/** @param {number} x */
function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** @param {number} x position in the window, -1 to 1 */
function kaiser(x) {
  if (Math.abs(x) >= 1) return 0;
  return besselI0(KAISER_BETA * Math.sqrt(1 - x * x)) / besselI0(KAISER_BETA);
}

/** @param {number} x */
function besselI0(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

// --- The audio thread

/** Only a worklet's scope has the base class. */
function register() {
  class CaptureProcessor extends AudioWorkletProcessor {
    #resampler = new Resampler(sampleRate, WIRE_RATE_HZ);
    #framer = new PcmFramer();
    /** @type {Float32Array | undefined} for a block that has no channel */ #silence;
    #isFinished = false;

    constructor() {
      super();
      this.port.onmessage = () => this.#finish();
    }

    /** @param {Float32Array[][]} inputs */
    process(inputs) {
      // No channel at all means at first that nothing is connected yet, and later silence: Firefox
      // gives none of a track that is not enabled.
      const samples = inputs[0]?.[0] ?? this.#silence;
      if (samples && !this.#isFinished) {
        this.#silence ??= new Float32Array(samples.length);
        this.#post(this.#framer.push(this.#resampler.process(samples)));
      }
      return !this.#isFinished;
    }

    #finish() {
      if (this.#isFinished) return;
      this.#isFinished = true;
      this.#post(this.#framer.push(this.#resampler.flush()));
      const rest = this.#framer.flush();
      if (rest) this.#post([rest]);
      this.port.postMessage("finished");
    }

    /** @param {Iterable<ArrayBuffer>} frames */
    #post(frames) {
      // Copied, not transferred: that leaves a fifth of the garbage here (Chromium 156, 80 bytes a
      // message and not 400), and the buffer is used again.
      for (const frame of frames) this.port.postMessage(frame);
    }
  }

  registerProcessor("intone-capture", CaptureProcessor);
}

if (typeof registerProcessor === "function") register();
