import assert from "node:assert/strict";
import { test } from "node:test";

import { FLOOR_DBFS, meterShare, rmsDbfs } from "../level.js";

test("a full square wave is 0 dBFS, half of it -6 dBFS, silence and nothing the floor", () => {
  assert.ok(Math.abs(rmsDbfs(new DataView(Int16Array.of(32_767, -32_768).buffer))) < 0.01);
  assert.ok(Math.abs(rmsDbfs(new DataView(Int16Array.of(16_384, -16_384).buffer)) + 6.02) < 0.01);
  assert.equal(rmsDbfs(new DataView(new ArrayBuffer(20))), FLOOR_DBFS);
  assert.equal(rmsDbfs(new DataView(new ArrayBuffer(0))), FLOOR_DBFS);
});

test("the meter runs from the floor to full scale", () => {
  assert.equal(meterShare(FLOOR_DBFS), 0);
  assert.equal(meterShare(FLOOR_DBFS / 2), 0.5);
  assert.equal(meterShare(0), 1);
  assert.equal(meterShare(-200), 0);
});
