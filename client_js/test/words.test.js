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
  ranked,
  reasonWords,
  spokenResult,
  summaryWords,
  utteranceWords,
} from "../page/words.js";

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
  assert.equal(
    modelWords({ description: "A network.", interim_model: "gru" }),
    "A network. Before a pause gru answers.",
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

const ANSWER = {
  type: "utterance.result",
  emotion: { label: "unsure", confidence: 0.3, scores: { sad: 0.3, calm: 0.2 } },
  gender: { label: "male", confidence: 0.9, scores: {} },
};

test("an utterance is told with its answer, and why and how fast it came", () => {
  const utterance = { startMs: 1_200, endMs: 3_400, reason: "silence", answer: ANSWER };
  assert.equal(utteranceWords(utterance), "Unsure 30%, Male 90%, 0:01.2 to 0:03.4");
  assert.equal(utteranceWords({ ...utterance, endMs: Infinity, answer: null }), "running");
  assert.equal(reasonWords(utterance), "nearest: Sad · ended at a pause");
  const late = (latency_ms) => reasonWords({ ...utterance, answer: { ...ANSWER, latency_ms } });
  assert.match(late(12.6), /in 13 ms$/);
  assert.match(late(0.4), /in under 1 ms$/);
  assert.equal(reasonWords({ ...utterance, answer: null }), "");
});

test("unsure comes last, however often it was said", () => {
  const names = ranked({ unsure: 9, sad: 1, happy: 3 }).map(([label]) => label);
  assert.deepEqual(names, ["happy", "sad", "unsure"]);
});

test("a summary counts what was heard and what was left out", () => {
  const summary = { results: 3, discarded: 1, speechMs: 61_000, genders: { male: 1, female: 2 } };
  assert.equal(
    summaryWords(summary),
    "3 utterances, 1:01.0 of speech, 1 left out; 2 female; 1 male",
  );
});
