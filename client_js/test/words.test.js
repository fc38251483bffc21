import assert from "node:assert/strict";
import { test } from "node:test";

import {
  clock,
  connectionWords,
  discardReason,
  endReason,
  genderWords,
  labelName,
  modelWords,
  nearestWords,
  percent,
  spokenResult,
} from "../words.js";

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

test("an unsure answer says what it came nearest to, a sure one does not", () => {
  const scores = { happy: 0.3, sad: 0.4, angry: 0.3 };
  assert.equal(nearestWords({ label: "unsure", confidence: 0.4, scores }), "nearest: Sad");
  assert.equal(nearestWords({ label: "sad", confidence: 0.4, scores }), "");
  assert.equal(genderWords({ label: "unsure", confidence: 0.5, scores: {} }), "Gender unsure");
  assert.equal(genderWords({ label: "female", confidence: 0.98, scores: {} }), "Female 98%");
});

test("a screen reader is told the answer in a sentence", () => {
  const emotion = { label: "unsure", confidence: 0.31, scores: {} };
  const gender = { label: "male", confidence: 0.9, scores: {} };
  assert.equal(spokenResult({ emotion, gender }), "Unsure, 31%. Male, 90%.");
});

test("a model is described by what its card says, and by nothing where it says nothing", () => {
  assert.equal(
    modelWords({ description: "A GRU.", licence: "MIT" }),
    "A GRU. Licence of the weights: MIT.",
  );
  assert.equal(modelWords({}), "");
});

test("a model's accuracy is told with what it was measured on", () => {
  const measured = { corpus: "ravdess", protocol: "5 folds by speaker", clips: 1_200 };
  const accuracy = [
    { ...measured, task: "emotion", metric: "accuracy", value: 0.6 },
    { ...measured, task: "emotion", metric: "uar", value: 0.617 },
    { ...measured, protocol: "random", task: "gender", metric: "accuracy", value: 1 },
    { ...measured, task: "gender", metric: "accuracy", value: 0.973 },
  ];
  assert.equal(
    modelWords({ accuracy }),
    "Measured on ravdess, 5 folds by speaker: emotion 62% (mean recall), gender right in 97%.",
  );
  assert.match(modelWords({ accuracy: accuracy.slice(0, 2) }), /emotion 62% \(mean recall\)\.$/);
});
