import assert from "node:assert/strict";
import { test } from "node:test";

import { AudioStore } from "../page/audio.js";
import { toCsv, toJson } from "../page/export.js";
import { History } from "../page/history.js";

const CREATED = {
  type: "session.created",
  session_id: "s1",
  model: { name: "gru", emotions: ["sad", "calm"], genders: ["female", "male"] },
};

function result(id, label = "sad") {
  return {
    type: "utterance.result",
    utterance_id: id,
    channel: 0,
    start_ms: 100 * id,
    end_ms: 100 * id + 50,
    emotion: { label, confidence: 0.7, scores: { sad: 0.7, calm: 0.3 } },
    gender: { label: "male", confidence: 0.9, scores: { female: 0.1, male: 0.9 } },
    reason: "silence",
    model: "gru",
    latency_ms: 1.5,
  };
}

function heard(source = "Microphone") {
  const history = new History();
  history.begin(CREATED, source, 0);
  history.take({ type: "utterance.started", utterance_id: 1, start_ms: 100 });
  history.take(result(1));
  history.take({ type: "utterance.started", utterance_id: 2, start_ms: 200 });
  const discarded = { utterance_id: 2, start_ms: 200, end_ms: 230, reason: "too_short" };
  history.take({ type: "utterance.discarded", ...discarded });
  return history;
}

test("an utterance is one entry from its start to its end", () => {
  const history = heard();
  const [first, second] = history.utterances;
  assert.deepEqual([first.state, first.endMs, second.state], ["result", 150, "discarded"]);
  assert.deepEqual(history.summary(), {
    results: 1,
    discarded: 1,
    speechMs: 50,
    emotions: { sad: 1 },
    genders: { male: 1 },
  });
});

test("ids start again with a session; what ran in the lost one is said to be lost", () => {
  const history = heard();
  history.take({ type: "utterance.started", utterance_id: 3, start_ms: 300 });
  history.abandon();
  assert.equal(history.utterances[2].reason, "connection_lost");
  history.begin(CREATED, "Microphone", 0);
  history.take(result(1, "calm"));
  assert.equal(history.utterances.length, 4);
  assert.equal(history.utterances[3].session.number, 2);
});

test("clearing keeps what still runs", () => {
  const history = heard();
  history.take({ type: "utterance.started", utterance_id: 3, start_ms: 300 });
  history.clear();
  history.take(result(3));
  assert.deepEqual(
    history.utterances.map(({ id, state }) => [id, state]),
    [[3, "result"]],
  );
});

test("JSON has everything that the wire said, by session", () => {
  const { sessions, summary, left_out } = JSON.parse(toJson(heard("a.wav")));
  assert.equal(left_out, 0);
  assert.deepEqual([summary.results, summary.discarded, summary.speech_ms], [1, 1, 50]);
  const [{ source, model, utterances, session_id }] = sessions;
  assert.deepEqual([source, model.name, session_id], ["a.wav", "gru", "s1"]);
  const { type, ...said } = result(1);
  assert.deepEqual(utterances[0], { state: "result", ...said });
  assert.deepEqual([utterances[1].state, utterances[1].reason], ["discarded", "too_short"]);
});

test("CSV has a row an utterance, and no text that a spreadsheet would run", () => {
  const [head, first, second, end] = toCsv(heard('=evil(),"x".wav')).split("\r\n");
  assert.equal(end, "");
  assert.match(head, /^session,source,.*emotion,emotion_confidence,.*,emotion_sad,emotion_calm,/);
  assert.match(first, /^1,"'=evil\(\),""x"".wav",/);
  assert.match(first, /,sad,0\.7,male,0\.9,silence,1\.5,0\.7,0\.3,0\.1,0\.9$/);
  assert.match(second, /,discarded,200,230,,,,,too_short,,,,,$/);
});

test("a label may hold what a CSV cuts by: the heads of its columns are quoted, too", () => {
  const history = new History();
  history.begin(CREATED, "Microphone", 0);
  const { emotion, ...rest } = result(1, "angry, loud");
  history.take({ ...rest, emotion: { ...emotion, scores: { "angry, loud": 0.7, sad: 0.3 } } });
  const [head] = toCsv(history).split("\r\n");
  assert.match(head, /,latency_ms,"emotion_angry, loud",emotion_sad,/);
});

function frameOf(value) {
  return new Int16Array(1_600).fill(value).buffer;
}

test("kept audio is given out to the sample, until it is too old", () => {
  const store = new AudioStore();
  store.limit(300);
  for (const value of [1, 2, 3]) store.push(frameOf(value));
  const samples = store.samples(50, 150);
  assert.equal(samples.length, 1_600);
  assert.deepEqual([samples[0], samples[799], samples[800]], [1, 1, 2].map((v) => v / 32_768));
  store.push(frameOf(4));
  assert.equal(store.startMs, 100);
  assert.equal(store.samples(50, 150), null);
  assert.equal(store.samples(100, 100), null);
  assert.equal(store.samples(300, 400)[0], 4 / 32_768);
});
