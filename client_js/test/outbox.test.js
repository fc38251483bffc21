import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../outbox.js";

const FRAME_BYTES = 3_200;

function frame(number) {
  const bytes = new Uint8Array(FRAME_BYTES);
  bytes[0] = number;
  return bytes.buffer;
}

/** A socket that nothing leaves, as on a network that stands still. */
function stuckSocket() {
  const sent = [];
  return {
    sent,
    bufferedAmount: 0,
    send(bytes) {
      sent.push(new Uint8Array(bytes)[0]);
      this.bufferedAmount += bytes.byteLength;
    },
  };
}

test("frames go out in order while there is room", () => {
  const outbox = new Outbox();
  const socket = stuckSocket();
  for (const number of [1, 2, 3]) assert.equal(outbox.push(frame(number)), 0);
  outbox.drain(socket);
  assert.deepEqual(socket.sent, [1, 2, 3]);
  assert.equal(outbox.waitingBytes, 0);
});

test("a full socket gets half a second; what waited over a second goes, oldest whole frames first", () => {
  let nowMs = 0;
  const outbox = new Outbox({ waitingMs: 1_000 }, () => nowMs);
  const socket = stuckSocket();
  let droppedBytes = 0;
  for (let number = 1; number <= 20; number += 1, nowMs += 100) {
    droppedBytes += outbox.push(frame(number));
    outbox.drain(socket);
  }
  assert.deepEqual(socket.sent, [1, 2, 3, 4, 5]);
  // Frames 6 to 9 came 1.4 to 1.1 s before the last.
  assert.equal(droppedBytes, 4 * FRAME_BYTES);

  socket.bufferedAmount = 0;
  socket.sent.length = 0;
  outbox.drainAll(socket);
  assert.deepEqual(socket.sent, [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
});

test("what comes in one go, after the page was busy, is not lost to the network's limit", () => {
  const outbox = new Outbox({}, () => 0);
  for (let number = 1; number <= 200; number += 1) assert.equal(outbox.push(frame(number)), 0);
  assert.equal(outbox.push(frame(201)), FRAME_BYTES);
  assert.equal(outbox.waitingBytes, 200 * FRAME_BYTES);
});

test("the newest frame is never the one dropped, however large", () => {
  const outbox = new Outbox({ burstMs: 1_000 });
  outbox.push(frame(1));
  assert.equal(outbox.push(new ArrayBuffer(100_000)), FRAME_BYTES);
  assert.equal(outbox.waitingBytes, 100_000);
});

test("clear says how much was thrown away", () => {
  const outbox = new Outbox();
  outbox.push(frame(1));
  assert.equal(outbox.clear(), FRAME_BYTES);
  assert.equal(outbox.clear(), 0);
});
