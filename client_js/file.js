/** A sound file as a stream of 16 kHz s16le frames, sent as fast as the server allows. */

import { PcmFramer, Resampler, WIRE_BYTES_PER_MS, WIRE_RATE_HZ } from "./worklet.js";

/** What the server takes in one upload too; a browser decodes a file into memory as a whole. */
const MAX_FILE_BYTES = 200 * 2 ** 20;
/** Rate to decode at where the file does not tell: what most compressed audio is made at. */
const USUAL_RATE_HZ = 48_000;
/** Margin under the server's limit, whose clock is not ours. */
const RATE_MARGIN = 0.9;
/** Of what the server takes at once: what waits on the way arrives as one. */
const BURST_SHARE = 0.5;
/** Input samples converted at once: small enough not to hold the page up. */
const BLOCK_SAMPLES = 16_384;
/** A timer for each frame would cost more than the frame. */
const PAUSE_MIN_MS = 20;

/** Why a file cannot be heard, in words for the person at the page. */
export class FileError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "FileError";
  }
}

/**
 * @param {Blob} file in any format that the browser decodes
 * @returns {Promise<AudioBuffer>} at the file's own rate where it is a WAV
 * @throws {FileError} when it is empty, too large, or not audio
 */
export async function decodeFile(file) {
  if (file.size === 0) throw new FileError("The file is empty.");
  if (file.size > MAX_FILE_BYTES) {
    throw new FileError("The file is over 200 MB. Use `intone analyze` for long recordings.");
  }
  const bytes = await file.arrayBuffer();
  // The context decides the rate of what it decodes: the file's own keeps the samples untouched.
  const context = new OfflineAudioContext(1, 1, wavRateHz(new DataView(bytes)) ?? USUAL_RATE_HZ);
  try {
    return await context.decodeAudioData(bytes);
  } catch {
    throw new FileError("The browser cannot read this file as audio.");
  }
}

/**
 * @param {DataView} bytes of a file
 * @returns {number | null} the rate, in Hz, if it is a WAV of a rate that browsers can work at
 */
export function wavRateHz(bytes) {
  if (bytes.byteLength < 44 || ascii(bytes, 0) !== "RIFF" || ascii(bytes, 8) !== "WAVE")
    return null;
  for (
    let at = 12;
    at + 24 <= bytes.byteLength;
    at += 8 + evenLength(bytes.getUint32(at + 4, true))
  ) {
    if (ascii(bytes, at) !== "fmt ") continue;
    const rateHz = bytes.getUint32(at + 12, true);
    return rateHz >= 8_000 && rateHz <= 96_000 ? rateHz : null;
  }
  return null;
}

/**
 * @param {DataView} bytes
 * @param {number} at
 */
function ascii(bytes, at) {
  return String.fromCharCode(...new Uint8Array(bytes.buffer, bytes.byteOffset + at, 4));
}

/** @param {number} length RIFF chunks are padded to whole 16-bit words */
function evenLength(length) {
  return length + (length % 2);
}

/**
 * @param {AudioBuffer} audio of any rate and number of channels, which are averaged
 * @returns {Generator<ArrayBuffer, void>} frames of 100 ms, the last one shorter
 */
export function* framesOf(audio) {
  const resampler = new Resampler(audio.sampleRate, WIRE_RATE_HZ);
  const framer = new PcmFramer();
  for (let at = 0; at < audio.length; at += BLOCK_SAMPLES) {
    yield* copies(framer.push(resampler.process(mixedBlock(audio, at))));
  }
  yield* copies(framer.push(resampler.flush()));
  const rest = framer.flush();
  if (rest) yield rest;
}

/** @param {Iterable<ArrayBuffer>} frames */
function* copies(frames) {
  for (const frame of frames) yield frame.slice(0);
}

/**
 * @param {AudioBuffer} audio
 * @param {number} at
 */
function mixedBlock(audio, at) {
  const block = new Float32Array(Math.min(BLOCK_SAMPLES, audio.length - at));
  for (let channel = 0; channel < audio.numberOfChannels; channel += 1) {
    const samples = audio.getChannelData(channel).subarray(at, at + block.length);
    for (let n = 0; n < block.length; n += 1) block[n] += samples[n] / audio.numberOfChannels;
  }
  return block;
}

/**
 * Sends a file's frames through a connected client, no faster than the server said it may come.
 *
 * @param {import("./client.js").IntoneClient} client in state `open`
 * @param {Blob | AudioBuffer} source a file in any format that the browser decodes, or its samples
 * @param {{signal?: AbortSignal, onFrame?: (frame: ArrayBuffer) => void}} [options] `onFrame` gets
 *   each frame before it is sent, for a meter
 * @returns {Promise<void>} when everything is on its way, or `signal` has been aborted
 * @throws {FileError} when the file is no audio or lasts longer than a session may, or the connection is lost
 */
export async function streamFile(client, source, { signal, onFrame } = {}) {
  const audio = source instanceof Blob ? await decodeFile(source) : source;
  const limits = client.session?.limits;
  const { max_rate: maxRate = 1, max_session_s: maxSessionS = Infinity } = limits ?? {};
  if (audio.duration > maxSessionS) {
    throw new FileError(
      `The file lasts ${Math.ceil(audio.duration)} s, and the server allows ${maxSessionS} s.`,
    );
  }
  const burstMs = (1_000 * BURST_SHARE * (limits?.max_rate_burst_s ?? 1)) / maxRate;
  let dueMs = performance.now();
  for (const frame of framesOf(audio)) {
    await pause(dueMs - performance.now());
    await client.drained();
    if (signal?.aborted) return;
    if (client.state !== "open")
      throw new FileError("The connection was lost while the file was sent.");
    onFrame?.(frame);
    // Called late, as after the machine slept, it may not make up for more than a burst.
    dueMs = Math.max(dueMs, performance.now() - burstMs);
    dueMs += frame.byteLength / WIRE_BYTES_PER_MS / (maxRate * RATE_MARGIN);
    client.send(frame);
  }
}

/** @param {number} durationMs */
async function pause(durationMs) {
  if (durationMs < PAUSE_MIN_MS) return;
  await new Promise((resolve) => setTimeout(resolve, durationMs));
}
