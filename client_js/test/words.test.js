import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, connectionWords, discardReason, endReason, labelName, percent } from "../words.js";

test("the clock counts minutes, seconds and tenths, and cuts", () => {
  assert.equal(clock(0), "0:00.0");
  assert.equal(clock(9_999), "0:09.9");
  assert.equal(clock(59_999), "0:59.9");
  assert.equal(clock(60_000), "1:00.0");
  assert.equal(clock(3_725_440), "62:05.4");
});

test("labels and reasons read as words, known or not", () => {
  assert.equal(labelName("unsure"), "Unsure");
  assert.equal(labelName("happy"), "Happy");
  assert.equal(labelName("very_angry"), "Very angry");
  assert.equal(endReason("silence"), "ended at a pause");
  assert.equal(endReason("moon_rise"), "moon rise");
  assert.equal(discardReason("too_short"), "too short to judge");
});

test("a share is a whole percentage", () => {
  assert.equal(percent(0.625), "63%");
  assert.equal(percent(1), "100%");
});

test("a lost connection says when it is tried again", () => {
  assert.equal(
    connectionWords({ state: "waiting", retry_in_ms: 1_200 }),
    "Connection lost. Trying again in 2 s",
  );
});
