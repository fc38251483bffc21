/** What a voice's sound is made of, frame by frame: pure arithmetic on 16 kHz samples. */

import { WIRE_RATE_HZ } from "../worklet.js";

/** 25 ms every 10 ms, as the recogniser hears; the transform is the next power of two. */
const FRAME_SAMPLES = 400;
export const HOP_SAMPLES = 160;
export const FFT_SIZE = 512;
export const BINS = FFT_SIZE / 2 + 1;
export const BIN_HZ = WIRE_RATE_HZ / FFT_SIZE;
/** Where the band energy ratio splits the spectrum: most of a vowel lies below. */
const SPLIT_HZ = 2_000;
/** Under this, energy is a rounding error, and ratios of it would be noise. */
const SILENCE = 1e-10;

/** @param {number} hz */
const toMel = (hz) => 2_595 * Math.log10(1 + hz / 700);
/** @param {number} mel */
const toHz = (mel) => 700 * (10 ** (mel / 2_595) - 1);

const WINDOW = Float32Array.from(
  { length: FRAME_SAMPLES },
  (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / FRAME_SAMPLES),
);
/** So that a sine of amplitude 1 has a magnitude of 1. */
const GAIN = 2 / WINDOW.reduce((sum, value) => sum + value, 0);

const COSINES = Float64Array.from({ length: FFT_SIZE / 2 }, (_, k) =>
  Math.cos((2 * Math.PI * k) / FFT_SIZE),
);
const SINES = Float64Array.from({ length: FFT_SIZE / 2 }, (_, k) =>
  Math.sin((2 * Math.PI * k) / FFT_SIZE),
);
const BITS = Math.log2(FFT_SIZE);
const REVERSED = Uint16Array.from({ length: FFT_SIZE }, (_, n) => {
  let reversed = 0;
  for (let bit = 0; bit < BITS; bit += 1) reversed |= ((n >> bit) & 1) << (BITS - 1 - bit);
  return reversed;
});

/**
 * @param {Float32Array} frame up to {@link FRAME_SAMPLES}
 * @returns {Float32Array} magnitudes of {@link BINS} bins
 */
export function magnitudes(frame) {
  const re = new Float64Array(FFT_SIZE);
  const im = new Float64Array(FFT_SIZE);
  for (let n = 0; n < frame.length; n += 1) re[REVERSED[n]] = frame[n] * WINDOW[n];
  for (let half = 1; half < FFT_SIZE; half *= 2) {
    const step = FFT_SIZE / (2 * half);
    for (let start = 0; start < FFT_SIZE; start += 2 * half) {
      for (let k = 0; k < half; k += 1) butterfly(re, im, start + k, half, k * step);
    }
  }
  return Float32Array.from({ length: BINS }, (_, k) => GAIN * Math.hypot(re[k], im[k]));
}

/**
 * @param {Float64Array} re
 * @param {Float64Array} im
 * @param {number} at
 * @param {number} half
 * @param {number} turn
 */
function butterfly(re, im, at, half, turn) {
  const other = at + half;
  const x = re[other] * COSINES[turn] + im[other] * SINES[turn];
  const y = im[other] * COSINES[turn] - re[other] * SINES[turn];
  re[other] = re[at] - x;
  im[other] = im[at] - y;
  re[at] += x;
  im[at] += y;
}

/**
 * @param {number} bands
 * @returns {(spectrum: Float32Array) => Float32Array} magnitudes to those of mel bands, from 0 Hz to
 *   half the rate
 */
export function melBands(bands) {
  const top = toMel(WIRE_RATE_HZ / 2);
  const edges = Array.from({ length: bands + 2 }, (_, n) => toHz((top * n) / (bands + 1)) / BIN_HZ);
  const filters = Array.from({ length: bands }, (_, band) => triangle(edges.slice(band, band + 3)));
  return (spectrum) =>
    Float32Array.from(filters, ({ first, weights }) =>
      weights.reduce((sum, weight, n) => sum + weight * spectrum[first + n], 0),
    );
}

/**
 * @param {number[]} edges where it begins, peaks and ends, in bins
 * @returns {{first: number, weights: number[]}} of bins from the first on, with a sum of 1
 */
function triangle([low, peak, high]) {
  const first = Math.ceil(low);
  const weights = [];
  for (let bin = first; bin <= Math.min(high, BINS - 1); bin += 1) {
    weights.push(bin <= peak ? (bin - low) / (peak - low) : (high - bin) / (high - peak));
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  // The lowest bands are narrower than a bin.
  if (sum === 0) return { first: Math.round(peak), weights: [1] };
  return { first, weights: weights.map((weight) => weight / sum) };
}

/** @param {number} magnitude */
export function decibels(magnitude) {
  return 20 * Math.log10(Math.max(magnitude, 1e-6));
}

/**
 * @param {Float32Array} samples
 * @returns {Float32Array[]} as many as fit
 */
export function wholeFrames(samples) {
  const frames = [];
  for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += HOP_SAMPLES) {
    frames.push(samples.subarray(at, at + FRAME_SAMPLES));
  }
  return frames;
}

/**
 * @param {Float32Array} frame
 * @param {Float32Array} spectrum its magnitudes
 * @returns {Measures}
 */
export function measure(frame, spectrum) {
  let energy = 0;
  let crossings = 0;
  for (let n = 0; n < frame.length; n += 1) {
    energy += frame[n] ** 2;
    if (n > 0 && frame[n] < 0 !== frame[n - 1] < 0) crossings += 1;
  }
  let [low, high, total, moment] = [SILENCE, SILENCE, SILENCE, 0];
  spectrum.forEach((magnitude, bin) => {
    if (bin * BIN_HZ < SPLIT_HZ) low += magnitude ** 2;
    else high += magnitude ** 2;
    total += magnitude;
    moment += magnitude * bin * BIN_HZ;
  });
  const centroidHz = moment / total;
  const spread = spectrum.reduce(
    (sum, magnitude, bin) => sum + magnitude * (bin * BIN_HZ - centroidHz) ** 2,
    0,
  );
  return {
    rms: Math.sqrt(energy / Math.max(1, frame.length)),
    zeroCrossingRate: crossings / Math.max(1, frame.length - 1),
    bandEnergyRatioDb: 10 * Math.log10(low / high),
    centroidHz,
    bandwidthHz: Math.sqrt(spread / total),
  };
}
