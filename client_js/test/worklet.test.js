import assert from "node:assert/strict";
import { test } from "node:test";

/** The processor as the audio thread makes it, and what it posts. */
async function capture() {
  /** @type {any} */
  let Processor;
  const posted = [];
  Object.assign(globalThis, {
    sampleRate: 16_000,
    AudioWorkletProcessor: class {
      port = { postMessage: (message) => posted.push(structuredClone(message)) };
    },
    registerProcessor: (_, processor) => (Processor = processor),
  });
  await import("../worklet.js");
  return { processor: new Processor(), posted };
}

test("a track that is silenced gives silence, though Firefox then gives no channel", async () => {
  const { processor, posted } = await capture();
  // Nothing is connected yet.
  for (let n = 0; n < 100; n += 1) assert.ok(processor.process([[]]));
  assert.equal(posted.length, 0);
  const spoken = new Float32Array(160).fill(0.5);
  for (let n = 0; n < 10; n += 1) processor.process([[spoken]]);
  for (let n = 0; n < 20; n += 1) processor.process([[]]);
  assert.deepEqual(
    posted.map((frame) => [frame.byteLength, ...new Set(new Int16Array(frame))]),
    [
      [3_200, 16_384],
      [3_200, 0],
      [3_200, 0],
    ],
  );
  processor.port.onmessage();
  assert.deepEqual(posted.slice(3), ["finished"]);
  assert.equal(processor.process([[spoken]]), false);
  assert.equal(posted.length, 4);
});
