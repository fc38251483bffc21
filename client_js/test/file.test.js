import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { FileError, framesOf, streamFile, wavRateHz } from "../file.js";

/** What decodeAudioData gives, as far as the module looks. */
function audioOf(sampleRate, ...channels) {
  return {
    sampleRate,
    length: channels[0].length,
    duration: channels[0].length / sampleRate,
    numberOfChannels: channels.length,
    getChannelData: (channel) => channels[channel],
  };
}

function openClient(limits, sent = []) {
  return {
    state: "open",
    session: { limits },
    sent,
    drained: async () => {},
    send: (frame) => sent.push(frame),
  };
}

test("a page that is called late sends no more at once than the server takes", async (t) => {
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  t.mock.method(globalThis, "setTimeout", (call, ms) => {
    nowMs += ms;
    queueMicrotask(call);
  });
  const client = openClient({ max_rate: 20, max_rate_burst_s: 30 });
  const times = [];
  client.send = () => times.push(nowMs);
  client.drained = async () => {
    if (times.length === 100) nowMs += 60_000;
  };
  await streamFile(client, audioOf(16_000, new Float32Array(16_000 * 120)));
  const atOnce = times.filter((ms) => ms === times[100]).length / 10;
  assert.ok(atOnce > 10 && atOnce < 30, `${atOnce} s at once`);
});

test("a WAV's rate is read from its header, wherever the chunk is", () => {
  const wav = readFileSync(new URL("../../tests/data/stereo_48k_24bit.wav", import.meta.url));
  assert.equal(wavRateHz(new DataView(wav.buffer, wav.byteOffset, wav.byteLength)), 48_000);

  const late = Buffer.alloc(60);
  late.write("RIFF", 0);
  late.write("WAVELIST", 8);
  late.writeUInt32LE(3, 16);
  late.write("fmt ", 24);
  late.writeUInt32LE(16, 28);
  late.writeUInt32LE(22_050, 36);
  assert.equal(wavRateHz(new DataView(late.buffer, late.byteOffset, late.byteLength)), 22_050);
});

test("what is not a WAV, or is cut off, has no rate to read", () => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(100),
    Buffer.from(`RIFF....WAVE${"x".repeat(40)}`),
  ]) {
    assert.equal(wavRateHz(new DataView(new Uint8Array(bytes).buffer)), null);
  }
});

test("16 kHz 16-bit audio reaches the wire bit for bit", () => {
  const pcm = Int16Array.from({ length: 20_000 }, (_, n) => ((n * 7_919) % 65_536) - 32_768);
  const audio = audioOf(
    16_000,
    Float32Array.from(pcm, (value) => value / 32_768),
  );
  const values = [...framesOf(audio)].flatMap((frame) => [...new Int16Array(frame)]);
  assert.deepEqual(values, [...pcm]);
});

test("channels are averaged", () => {
  const left = new Float32Array(1_600).fill(0.5);
  const right = new Float32Array(1_600).fill(-0.25);
  const [frame] = [...framesOf(audioOf(16_000, left, right))];
  assert.ok(new Int16Array(frame).every((value) => value === 4_096));
});

test("a file is sent whole, in order, and not faster than nine tenths of the limit", async () => {
  const client = openClient({ max_rate: 20 });
  const shown = [];
  const startedAtMs = performance.now();
  await streamFile(client, audioOf(16_000, new Float32Array(5 * 16_000 + 10)), {
    onFrame: (frame) => shown.push(frame),
  });
  const tookMs = performance.now() - startedAtMs;
  assert.equal(client.sent.length, 51);
  assert.equal(client.sent.at(-1).byteLength, 20);
  assert.deepEqual(shown, client.sent);
  // Pauses under 20 ms are not made, so up to that much may be missing.
  assert.ok(tookMs > 5_000 / 18 - 21, `${tookMs} ms`);
});

test("where the server names no rate, a file goes in real time", async () => {
  const startedAtMs = performance.now();
  await streamFile(openClient({}), audioOf(16_000, new Float32Array(3_200)));
  assert.ok(performance.now() - startedAtMs > 80);
});

test("aborting stops between two frames", async () => {
  const abort = new AbortController();
  const client = openClient({ max_rate: 1_000 });
  await streamFile(client, audioOf(16_000, new Float32Array(16_000)), {
    signal: abort.signal,
    onFrame: () => client.sent.length === 2 && abort.abort(),
  });
  assert.equal(client.sent.length, 3);
});

test("a connection lost under way is an error, not a short file", async () => {
  const client = openClient({ max_rate: 1_000 });
  client.send = () => (client.state = "closed");
  await assert.rejects(streamFile(client, audioOf(16_000, new Float32Array(16_000))), FileError);
});

test("a file longer than a session may last is refused before anything is sent", async () => {
  const client = openClient({ max_rate: 20, max_session_s: 60 });
  const audio = audioOf(16_000, new Float32Array(61 * 16_000));
  await assert.rejects(streamFile(client, audio), /lasts 61 s, and the server allows 60 s/);
  assert.deepEqual(client.sent, []);
});
