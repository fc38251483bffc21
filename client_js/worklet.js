/**
 * Runs on the audio thread: device-rate samples in, 16 kHz s16le frames out.
 *
 * Messages to the page: an ArrayBuffer for each frame, then `"finished"` once the page has asked
 * to `"finish"` and the last, shorter frame has gone.
 */

import { PcmFramer, WIRE_RATE_HZ } from "./pcm.js";
import { Resampler } from "./resampler.js";

class CaptureProcessor extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, WIRE_RATE_HZ);
  #framer = new PcmFramer();
  #isFinished = false;

  constructor() {
    super();
    this.port.onmessage = () => this.#finish();
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const samples = inputs[0]?.[0];
    // No channel at all means that nothing is connected yet, not silence.
    if (samples && !this.#isFinished)
      this.#post(this.#framer.push(this.#resampler.process(samples)));
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

  /** @param {ArrayBuffer[]} frames */
  #post(frames) {
    for (const frame of frames) this.port.postMessage(frame, [frame]);
  }
}

registerProcessor("intone-capture", CaptureProcessor);
