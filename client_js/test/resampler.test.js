import assert from "node:assert/strict";
import { test } from "node:test";

import { Resampler } from "../worklet.js";

const WIRE_RATE_HZ = 16_000;

function tone(frequencyHz, rateHz, seconds = 1) {
  const samples = new Float32Array(rateHz * seconds);
  return samples.map((_, n) => Math.sin((2 * Math.PI * frequencyHz * n) / rateHz));
}

function noise(samples) {
  let state = 1;
  return new Float32Array(samples).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function convert(samples, fromHz, toHz = WIRE_RATE_HZ, blockSamples = samples.length) {
  const resampler = new Resampler(fromHz, toHz);
  const parts = [];
  for (let at = 0; at < samples.length; at += blockSamples) {
    parts.push(...resampler.process(samples.subarray(at, at + blockSamples)));
  }
  return Float32Array.from([...parts, ...resampler.flush()]);
}

/** RMS against a full sine's, in dB, away from the ends. */
function gainDb(samples) {
  const middle = samples.subarray(2_000, samples.length - 2_000);
  const power = middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length;
  return 10 * Math.log10(2 * power);
}

for (const rateHz of [44_100, 48_000, 96_000]) {
  for (const frequencyHz of [50, 1_000, 4_000, 7_000]) {
    test(`${frequencyHz} Hz at ${rateHz} Hz passes within 0.1 dB`, () => {
      const gain = gainDb(convert(tone(frequencyHz, rateHz), rateHz));
      assert.ok(Math.abs(gain) < 0.1, `${gain} dB`);
    });
  }
  for (const frequencyHz of [9_000, 12_000, 16_000, 20_000]) {
    test(`${frequencyHz} Hz at ${rateHz} Hz, which would fold down, is 70 dB lower`, () => {
      const gain = gainDb(convert(tone(frequencyHz, rateHz), rateHz));
      assert.ok(gain < -70, `${gain} dB`);
    });
  }
}

for (const rateHz of [8_000, 22_050, 44_100, 48_000, 96_000]) {
  test(`a tone at ${rateHz} Hz comes out in phase: the filter's delay is taken out`, () => {
    const output = convert(tone(440, rateHz), rateHz);
    const expected = tone(440, WIRE_RATE_HZ);
    for (let n = 500; n < output.length - 500; n += 1) {
      assert.ok(Math.abs(output[n] - expected[n]) < 1e-3, `sample ${n}`);
    }
  });

  test(`any split at ${rateHz} Hz gives the same samples`, () => {
    const input = noise(5_000);
    const whole = convert(input, rateHz);
    for (const blockSamples of [1, 2, 3, 127, 128, 129, 441, 4_999]) {
      assert.deepEqual(convert(input, rateHz, WIRE_RATE_HZ, blockSamples), whole);
    }
  });

  test(`the output at ${rateHz} Hz lasts as long as the input, to the sample`, () => {
    for (const samples of [1, 2, 100, 128, 441, 4_410, 4_800, 12_345]) {
      const output = convert(noise(samples), rateHz);
      assert.equal(output.length, Math.ceil((samples * WIRE_RATE_HZ) / rateHz));
    }
  });
}

test("no input gives no output", () => {
  assert.equal(convert(new Float32Array(0), 48_000).length, 0);
});

test("an equal rate changes nothing", () => {
  const input = noise(1_000);
  assert.deepEqual(convert(input, WIRE_RATE_HZ, WIRE_RATE_HZ, 7), input);
});

test("output at an equal rate does not share the input's memory", () => {
  const input = noise(10);
  assert.notEqual(new Resampler(WIRE_RATE_HZ, WIRE_RATE_HZ).process(input).buffer, input.buffer);
});

test("a constant stays itself at every phase", () => {
  const output = convert(new Float32Array(44_100).fill(0.5), 44_100);
  for (const sample of output.subarray(500, -500)) assert.ok(Math.abs(sample - 0.5) < 1e-6);
});

test("five minutes at 44.1 kHz does not drift", () => {
  const resampler = new Resampler(44_100, WIRE_RATE_HZ);
  const block = new Float32Array(44_100);
  let samples = 0;
  for (let second = 0; second < 300; second += 1) {
    // The filter itself is tested above; the position is what adds up.
    if (second === 299) block.fill(0.25);
    samples += resampler.process(block).length;
  }
  assert.equal(samples + resampler.flush().length, 300 * WIRE_RATE_HZ);
});

for (const rateHz of [0, -1, 44_100.5, NaN, Infinity]) {
  test(`a rate of ${rateHz} is refused`, () => {
    assert.throws(() => new Resampler(rateHz, WIRE_RATE_HZ), RangeError);
    assert.throws(() => new Resampler(WIRE_RATE_HZ, rateHz), RangeError);
  });
}
