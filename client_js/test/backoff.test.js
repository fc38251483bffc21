import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, isWorthRetrying } from "../backoff.js";

test("the first wait is 1 to 5 s by chance, then each is 1.3 times longer, up to 10 s", () => {
  const soonest = new Backoff({ random: () => 0 });
  assert.deepEqual([soonest.next(), soonest.next(), soonest.next()], [1_000, 1_300, 1_690]);
  const latest = new Backoff({ random: () => 1 });
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => latest.next()),
    [5_000, 6_500, 8_450, 10_000, 10_000],
  );
});

test("reset starts anew, with new chance", () => {
  let chance = 0;
  const backoff = new Backoff({ random: () => chance });
  backoff.next();
  backoff.next();
  chance = 0.5;
  backoff.reset();
  assert.equal(backoff.next(), 3_000);
});

test("what may pass is retried, a refusal is not", () => {
  for (const code of [1001, 1006, 1011, 1012, 1013]) assert.ok(isWorthRetrying(code), `${code}`);
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4000]) {
    assert.ok(!isWorthRetrying(code), `${code}`);
  }
});
