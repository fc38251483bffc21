import assert from "node:assert/strict";
import { test } from "node:test";

import { PcmFramer, toInt16 } from "../worklet.js";

test("samples are rounded, and clamped outside [-1, 1]", () => {
  const table = [
    [0, 0],
    [-0, 0],
    [0.5, 16_384],
    [-0.5, -16_384],
    [1, 32_767],
    [-1, -32_768],
    [1.5, 32_767],
    [-1.5, -32_768],
    [Infinity, 32_767],
    [-Infinity, -32_768],
    [NaN, 0],
  ];
  for (const [sample, expected] of table)
    assert.ok(Object.is(toInt16(sample), expected), `${sample}`);
});

test("every 16-bit value survives the way to float and back", () => {
  for (let value = -32_768; value <= 32_767; value += 1) {
    assert.equal(toInt16(Math.fround(value / 32_768)), value);
  }
});

test("bytes are little-endian, in order", () => {
  const [frame] = new PcmFramer(3).push(Float32Array.of(1 / 32_768, -1, 0.5));
  assert.deepEqual([...new Uint8Array(frame)], [0x01, 0x00, 0x00, 0x80, 0x00, 0x40]);
});

test("a frame is 100 ms of 16 kHz 16-bit audio", () => {
  const [frame] = new PcmFramer().push(new Float32Array(1_600));
  assert.equal(frame.byteLength, 3_200);
});

for (const samples of [0, 1, 9, 10, 11, 19, 20, 21]) {
  test(`${samples} samples in frames of 10 lose nothing, whatever the split`, () => {
    const input = new Float32Array(samples).map((_, n) => (n + 1) / 32_768);
    for (const blockSamples of [1, 3, 10, 25]) {
      const framer = new PcmFramer(10);
      const frames = [];
      for (let at = 0; at < samples; at += blockSamples) {
        const full = framer.push(input.subarray(at, at + blockSamples));
        for (const frame of full) frames.push(frame.slice(0));
      }
      assert.ok(frames.every((frame) => frame.byteLength === 20));
      assert.equal(frames.length, Math.floor(samples / 10));
      const rest = framer.flush();
      assert.equal(rest?.byteLength ?? 0, 2 * (samples % 10));
      const values = [...frames, rest ?? new ArrayBuffer(0)].flatMap((f) => [...new Int16Array(f)]);
      assert.deepEqual(
        values,
        Array.from(input, (_, n) => n + 1),
      );
      assert.equal(framer.flush(), null);
    }
  });
}

test("a frame stays as it is until the next is asked for, and then its buffer is used again", () => {
  const frames = new PcmFramer(1).push(Float32Array.of(0.5, -0.5));
  const first = frames.next().value;
  assert.ok(first);
  assert.equal(new Int16Array(first)[0], 16_384);
  assert.equal(frames.next().value, first);
  assert.equal(new Int16Array(first)[0], -16_384);
});

for (const frameSamples of [0, -1, 1.5, NaN]) {
  test(`frames of ${frameSamples} samples are refused`, () => {
    assert.throws(() => new PcmFramer(frameSamples), RangeError);
  });
}
