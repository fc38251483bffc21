import assert from "node:assert/strict";
import { test } from "node:test";

import { BINS, decibels, magnitudes, measure, melBands, wholeFrames } from "../page/spectrum.js";

function tone(hz, amplitude = 1, samples = 400) {
  return Float32Array.from(
    { length: samples },
    (_, n) => amplitude * Math.sin((2 * Math.PI * hz * n) / 16_000),
  );
}

function peakOf(values) {
  return values.indexOf(Math.max(...values));
}

test("the transform is the sum that defines it", () => {
  const frame = Float32Array.from({ length: 400 }, (_, n) => Math.sin(n * n) + 0.3);
  const fast = magnitudes(frame);
  for (const k of [0, 1, 7, 100, 255, 256]) {
    let [re, im] = [0, 0];
    frame.forEach((sample, n) => {
      const windowed = sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 400));
      re += windowed * Math.cos((2 * Math.PI * k * n) / 512);
      im -= windowed * Math.sin((2 * Math.PI * k * n) / 512);
    });
    assert.ok(Math.abs(fast[k] - Math.hypot(re, im) / 100) < 1e-5, `bin ${k}`);
  }
  assert.equal(fast.length, BINS);
});

test("a tone of amplitude 1 has a magnitude of 1, in its own bin", () => {
  const spectrum = magnitudes(tone(1_000));
  assert.equal(peakOf(spectrum), 32);
  assert.ok(Math.abs(spectrum[32] - 1) < 0.01, `${spectrum[32]}`);
  assert.ok(Math.abs(decibels(magnitudes(tone(1_000, 0.1))[32]) + 20) < 0.1);
});

test("higher tones lie in higher mel bands, and no band is empty", () => {
  const bands = melBands(64);
  const peaks = [150, 400, 1_000, 3_000, 7_500].map((hz) => peakOf(bands(magnitudes(tone(hz)))));
  assert.deepEqual(peaks, [...peaks].sort((a, b) => a - b));
  assert.ok(peaks.at(-1) <= 63 && new Set(peaks).size === peaks.length);
  assert.ok(bands(new Float32Array(BINS).fill(1)).every((value) => Math.abs(value - 1) < 1e-6));
});

test("a tone is measured as what it is", () => {
  const low = measure(tone(500), magnitudes(tone(500)));
  assert.ok(Math.abs(low.rms - Math.SQRT1_2) < 0.01);
  assert.ok(Math.abs(low.zeroCrossingRate - 1 / 16) < 0.005);
  assert.ok(Math.abs(low.centroidHz - 500) < 30 && low.bandwidthHz < 250);
  assert.ok(low.bandEnergyRatioDb > 30);
  const high = measure(tone(6_000), magnitudes(tone(6_000)));
  assert.ok(high.bandEnergyRatioDb < -30 && Math.abs(high.centroidHz - 6_000) < 30);
});

test("silence has finite measures", () => {
  const silence = new Float32Array(400);
  for (const value of Object.values(measure(silence, magnitudes(silence)))) assert.equal(value, 0);
});

test("frames are 25 ms every 10 ms, as many as fit", () => {
  assert.equal(wholeFrames(new Float32Array(1_600)).length, 8);
  assert.equal(wholeFrames(new Float32Array(399)).length, 0);
});
