import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectionError, IntoneClient } from "../client.js";
import { keptMs } from "../page/history.js";
import { StreamSession } from "../session.js";
import { WebSocket, serve, until } from "../testing/server.js";

const FRAME = new Int16Array(1_600).fill(7).buffer;

const CREATED = {
  type: "session.created",
  protocol: "intone.v1",
  session_id: "s1",
  audio: { encoding: "s16le", sample_rate_hz: 16_000, channels: 1 },
  model: { name: "gru", sha256: "00", emotions: ["happy", "sad"], genders: ["female", "male"] },
  interim_ms: 500,
  limits: { max_rate: 20 },
};

const CLOSED = {
  type: "session.closed",
  reason: "client",
  received: { audio_ms: 100, bytes: 3_200 },
  produced: { utterances: 1, interims: 2, discarded: 0 },
};

/** A server that opens each session and closes it when asked, and a client of it. */
async function conversation(t, { onConnection, ...options } = {}) {
  const server = await serve((connection, count) => {
    if (onConnection?.(connection, count) === "handled") return;
    connection.onMessage = (message) => {
      if (message.type !== "session.close") return;
      connection.send(CLOSED);
      connection.close(1000);
    };
    connection.send({ ...CREATED, session_id: `s${count}` });
  });
  const client = new IntoneClient({
    url: server.url,
    WebSocket,
    backoff: { firstMinMs: 5, firstMaxMs: 10 },
    ...options,
  });
  t.after(async () => {
    await client.close();
    await server.stop();
  });
  return { server, client };
}

function recorded(client, name) {
  const events = [];
  client.on(name, (event) => events.push(event));
  return events;
}

test("connect, send, close: the server gets the audio and the client its totals", async (t) => {
  const { server, client } = await conversation(t, { model: "gru", token: "secret" });
  const states = recorded(client, "state");
  const session = await client.connect();
  assert.equal(session.session_id, "s1");
  assert.equal(client.session, session);
  client.send(FRAME);
  client.flush();
  assert.deepEqual(await client.close(), CLOSED);

  const [connection] = server.connections;
  assert.equal(connection.url.pathname, "/v1/stream");
  assert.equal(connection.url.searchParams.get("model"), "gru");
  assert.match(connection.protocols, /^intone\.v1, ?bearer\.secret$/);
  const [audio, flush, close] = connection.received;
  assert.deepEqual(new Uint8Array(audio), new Uint8Array(FRAME));
  assert.deepEqual([flush.type, close.type], ["flush", "session.close"]);
  assert.deepEqual(
    states.map(({ state }) => state),
    ["connecting", "open", "closing", "closed"],
  );
});

test("close() twice is one end, of which both are told", async (t) => {
  let ends = 0;
  const { client } = await conversation(t, {
    onConnection: (connection) => {
      connection.onMessage = (message) => {
        if (message.type !== "session.close") return;
        ends += 1;
        connection.send(CLOSED);
        connection.close(1000);
      };
      connection.send(CREATED);
      return "handled";
    },
  });
  const states = recorded(client, "state");
  await client.connect();
  const totals = await Promise.all([client.close(), client.close()]);
  assert.deepEqual(totals, [CLOSED, CLOSED]);
  assert.equal(ends, 1);
  assert.deepEqual(states.map(({ state }) => state), ["connecting", "open", "closing", "closed"]);
});

test("results that come after close() was called are still given out", async (t) => {
  const { server, client } = await conversation(t);
  await client.connect();
  const results = recorded(client, "utterance.result");
  server.connections[0].onMessage = (message) => {
    if (message.type !== "session.close") return;
    server.connections[0].send({ type: "utterance.result", utterance_id: 1 });
    server.connections[0].send(CLOSED);
    server.connections[0].close(1000);
  };
  await client.close();
  assert.deepEqual(results, [{ type: "utterance.result", utterance_id: 1 }]);
});

test("a server that is not there: connect() fails with words, and is not retried", async (t) => {
  const { server, client } = await conversation(t);
  await server.stop();
  await assert.rejects(client.connect(), (error) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.code, "server_unavailable");
    return true;
  });
  assert.equal(client.state, "closed");
});

test("a server that never answers: connect() gives up in time", async (t) => {
  const { client } = await conversation(t, {
    onConnection: () => "handled",
    times: { connectTimeoutMs: 50 },
  });
  await assert.rejects(client.connect(), /did not answer in time/);
});

test("what answers is not an intone server: connect() says so", async (t) => {
  const { client } = await conversation(t, {
    onConnection: (connection) => (connection.send("hello"), "handled"),
  });
  await assert.rejects(client.connect(), /not an intone server/);
});

test("a refusal reaches connect() with the server's code and sentence", async (t) => {
  const { client } = await conversation(t, {
    onConnection: (connection) => {
      connection.send({ type: "error", code: "unauthorized", message: "No.", retryable: false });
      connection.close(1008);
      return "handled";
    },
  });
  await assert.rejects(client.connect(), { code: "unauthorized", message: "No." });
});

test("a configuration that the server refuses fails connect(): its defaults were not asked for", async (t) => {
  const { client } = await conversation(t, {
    onConnection: (connection) => {
      connection.send({ type: "error", code: "unknown_model", message: "None.", retryable: false });
    },
  });
  await assert.rejects(client.connect(), { code: "unknown_model", message: "None." });
  assert.equal(client.state, "closed");
});

test("an error that the session survived is not the reason for its later loss", async (t) => {
  const { server, client } = await conversation(t, { reconnect: false });
  await client.connect();
  const states = recorded(client, "state");
  const message = "The model failed.";
  server.connections[0].send({
    type: "error",
    code: "recogniser_failed",
    message,
    retryable: true,
  });
  server.connections[0].send({
    type: "utterance.started",
    utterance_id: 2,
    channel: 0,
    start_ms: 0,
  });
  server.connections[0].close(1012);
  await until(() => client.state === "closed");
  assert.equal(states[0].error.code, "server_unavailable");
});

test("a lost session is opened anew, audio in between is counted as dropped", async (t) => {
  const { server, client } = await conversation(t);
  const dropped = recorded(client, "dropped");
  const sessions = recorded(client, "session.created");
  const states = recorded(client, "state");
  await client.connect();
  server.connections[0].destroy();
  await until(() => client.state === "waiting");
  client.send(FRAME);
  assert.deepEqual(dropped, [{ ms: 100, total_ms: 100, reason: "offline" }]);
  assert.equal(states.at(-1).error.code, "server_unavailable");

  await until(() => client.state === "open");
  assert.deepEqual(
    sessions.map((session) => session.session_id),
    ["s1", "s2"],
  );
  client.send(FRAME);
  await until(() => server.connections[1].received.length === 1);
});

test("a server that stops is told in a sentence, and looked for again", async (t) => {
  const { server, client } = await conversation(t);
  await client.connect();
  const states = recorded(client, "state");
  server.connections[0].send({ ...CLOSED, reason: "server_shutdown" });
  server.connections[0].close(1001);
  await until(() => client.state === "waiting");
  const { code, message } = states.at(-1).error;
  assert.deepEqual([code, message], ["shutting_down", "the server stopped"]);
});

test("attempts go on while the server is away", async (t) => {
  const { server, client } = await conversation(t, {
    onConnection: (connection, count) => {
      if (count === 1 || count > 3) return undefined;
      connection.destroy();
      return "handled";
    },
  });
  await client.connect();
  const states = recorded(client, "state");
  server.connections[0].close(1012);
  await until(() => client.session.session_id === "s4");
  const waits = states.filter(({ state }) => state === "waiting").map((s) => s.retry_in_ms);
  assert.equal(waits.length, 3);
  assert.ok(waits[0] < waits[1] && waits[1] < waits[2]);
});

for (const [name, options, code] of [
  ["a refusal (1008)", {}, 1008],
  ["a loss with reconnect: false", { reconnect: false }, 1012],
]) {
  test(`${name} ends the client`, async (t) => {
    const { server, client } = await conversation(t, options);
    await client.connect();
    const states = recorded(client, "state");
    const message = "Too fast.";
    server.connections[0].send({ type: "error", code: "rate_limited", message, retryable: true });
    server.connections[0].close(code);
    await until(() => client.state === "closed");
    assert.deepEqual(
      states.map(({ state }) => state),
      ["closed"],
    );
    assert.equal(states[0].error.message, message);
    assert.equal(server.connections.length, 1);
  });
}

for (const [when, code, message] of [
  ["though results came behind it", "rate_limited", "Too fast."],
  ["not an error before it that ended nothing", "invalid_config", "No such interim."],
]) {
  test(`the reason is the one that session.closed names, ${when}`, async (t) => {
    const { server, client } = await conversation(t);
    await client.connect();
    const states = recorded(client, "state");
    const [connection] = server.connections;
    connection.send({ type: "error", code, message, retryable: true });
    connection.send({ type: "utterance.discarded", utterance_id: 1, reason: "too_short" });
    connection.send({ ...CLOSED, reason: "rate_limited" });
    connection.close(1008);
    await until(() => client.state === "closed");
    const [{ error }] = states;
    assert.equal(error.code === code, code === "rate_limited");
    assert.equal(error.message, code === "rate_limited" ? message : "rate_limited");
  });
}

test("close() while waiting to reconnect stops the attempts", async (t) => {
  const { server, client } = await conversation(t, { backoff: { firstMinMs: 50, firstMaxMs: 50 } });
  await client.connect();
  server.connections[0].destroy();
  await until(() => client.state === "waiting");
  assert.equal(await client.close(), null);
  assert.equal(client.state, "closed");
  await client.connect();
  assert.equal(server.connections.length, 2);
});

/** A frame of 100 ms that says how much audio came before it. */
function frameAt(ms) {
  const frame = FRAME.slice(0);
  new DataView(frame).setUint32(0, ms, true);
  return frame;
}

test("a server that stops reading: the oldest audio is dropped, whole frames, counted and placed", async (t) => {
  const { server, client } = await conversation(t);
  await client.connect();
  const [connection] = server.connections;
  connection.pause();
  const dropped = recorded(client, "dropped");
  let sentMs = 0;
  // The kernel takes megabytes before it pushes back.
  while (dropped.length < 3 && sentMs < 3_600_000) {
    for (let n = 0; n < 10; n += 1, sentMs += 100) client.send(frameAt(sentMs));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(dropped.length >= 3, `nothing dropped after ${sentMs} ms of audio`);
  for (const { ms, reason } of dropped) {
    assert.equal(ms % 100, 0);
    assert.equal(reason, "slow");
  }

  connection.resume();
  await client.drained();
  client.flush();
  await until(() => connection.received.some(({ type }) => type === "flush"));
  const arrived = connection.received.filter((message) => message.length);
  assert.equal(100 * arrived.length + dropped.at(-1).total_ms, sentMs);
  assert.ok(arrived.every(({ length }) => length === 3_200));
  // Where each frame was, from where it is in the session.
  const gaps = dropped.map(({ at_ms: atMs, ms }) => ({ atMs, ms }));
  const places = arrived.map((_, n) => keptMs({ offsetMs: 0, gaps }, 100 * n));
  assert.deepEqual(places, arrived.map((frame) => frame.readUInt32LE(0)));
});

test("what waits for room goes when the server answers, whenever timers fire", async (t) => {
  const sent = [];
  const socket = {
    readyState: 1,
    bufferedAmount: 0,
    close() {},
    send(data) {
      sent.push(data);
      this.bufferedAmount += data.byteLength ?? 0;
    },
  };
  const minute = 60_000;
  const session = new StreamSession(socket, {
    ...{ connectTimeoutMs: minute, closeTimeoutMs: minute },
    ...{ pingIntervalMs: minute, pongTimeoutMs: minute },
  });
  t.after(() => socket.onclose({ code: 1000, reason: "" }));
  const hear = (event) => socket.onmessage({ data: JSON.stringify(event) });
  hear(CREATED);
  for (let n = 0; n < 10; n += 1) session.send(FRAME);
  const texts = () => sent.filter((data) => typeof data === "string").map((text) => JSON.parse(text));
  assert.ok(sent.length - texts().length < 10);
  let isDrained = false;
  void session.drained().then(() => (isDrained = true));
  socket.bufferedAmount = 0;
  hear({ type: "pong", marker: texts()[0]?.marker, received_ms: 0, lag_ms: 0 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sent.length - texts().length, 10);
  assert.ok(isDrained);
});

for (const { code, unsent } of [
  { code: 1006, unsent: 10 },
  { code: 1000, unsent: 5 },
]) {
  test(`after a close of ${code} what the socket still holds is ${unsent - 5} frames`, async () => {
    const socket = {
      readyState: 1,
      bufferedAmount: 0,
      close() {},
      send(data) {
        this.bufferedAmount += data.byteLength ?? data.length;
      },
    };
    const minute = 60_000;
    const session = new StreamSession(socket, {
      ...{ connectTimeoutMs: minute, closeTimeoutMs: minute },
      ...{ pingIntervalMs: minute, pongTimeoutMs: minute },
    });
    socket.onmessage({ data: JSON.stringify(CREATED) });
    // Half a second goes into the socket, the rest waits for room.
    for (let n = 0; n < 10; n += 1) session.send(FRAME);
    assert.equal(session.sentMs, 500);
    socket.onclose({ code, reason: "" });
    assert.equal((await session.ended).unsentBytes, unsent * FRAME.byteLength);
  });
}

test("the lag is measured by ping", async (t) => {
  const { client, server } = await conversation(t, { times: { pingIntervalMs: 10 } });
  await client.connect();
  const lags = recorded(client, "lag");
  server.connections[0].onMessage = ({ type, marker }) => {
    if (type === "ping")
      server.connections[0].send({ type: "pong", marker, received_ms: 0, lag_ms: 42 });
    if (type === "session.close") server.connections[0].close(1000);
  };
  await until(() => lags.length >= 2);
  assert.equal(lags[0].lag_ms, 42);
  assert.ok(lags[0].round_trip_ms >= 0 && lags[0].round_trip_ms < 5_000);
});

test("a server that answers no ping is given up and found again", async (t) => {
  const { client, server } = await conversation(t, {
    times: { pingIntervalMs: 10, pongTimeoutMs: 30 },
  });
  await client.connect();
  await until(() => server.connections.length === 2);
  await until(() => client.session.session_id === "s2");
});

test("a server that takes its time to finish is waited for, though it answers no ping", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const sent = [];
  const socket = { readyState: 1, bufferedAmount: 0, close() {}, send: (data) => sent.push(data) };
  const session = new StreamSession(socket, {
    ...{ connectTimeoutMs: 10_000, closeTimeoutMs: 15_000 },
    // Whatever is not answered by the next ping is too late.
    ...{ pingIntervalMs: 2_000, pongTimeoutMs: -1 },
  });
  let end = null;
  void session.ended.then((how) => (end = how));
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  socket.onmessage({ data: JSON.stringify(CREATED) });
  session.close();
  t.mock.timers.tick(14_000);
  await settled();
  assert.equal(end, null);
  assert.deepEqual(sent, ['{"type":"session.close"}']);
  t.mock.timers.tick(2_000);
  await settled();
  assert.match(end.reason, /did not finish in time/);
});

test("an unknown event passes, a later known one is still heard", async (t) => {
  const { client, server } = await conversation(t);
  await client.connect();
  const started = recorded(client, "utterance.started");
  server.connections[0].send({ type: "utterance.transcript", text: "…" });
  server.connections[0].send({
    type: "utterance.started",
    utterance_id: 1,
    channel: 0,
    start_ms: 0,
  });
  await until(() => started.length === 1);
});

test("a token that no subprotocol can carry goes as the first message", async (t) => {
  const { server, client } = await conversation(t, { token: "abc/+=" });
  await client.connect();
  const [connection] = server.connections;
  assert.equal(connection.url.searchParams.get("auth"), "message");
  assert.equal(connection.protocols, "intone.v1");
  await until(() => connection.received.length > 0);
  assert.deepEqual(connection.received[0], { type: "auth", token: "abc/+=" });
});

test("auth: message keeps the token out of the handshake", async (t) => {
  const { server, client } = await conversation(t, { token: "plain", auth: "message" });
  await client.connect();
  assert.equal(server.connections[0].protocols, "intone.v1");
  await until(() => server.connections[0].received[0]?.token === "plain");
});

test("an address that no socket can be made of fails connect() instead of leaving it open", async (t) => {
  const { client } = await conversation(t, { url: "mailto:nobody" });
  await assert.rejects(client.connect(), /no connection can be made|Invalid URL/);
  assert.equal(client.state, "closed");
});

const FULL = { code: "overloaded", message: "there are 1000 sessions already", retryable: true };

test("a full server is told by name, though no upgrade tells why it failed", async (t) => {
  const server = await serve(() => {}, () => FULL);
  t.after(() => server.stop());
  const client = new IntoneClient({ url: server.url, WebSocket });
  const { code, message } = FULL;
  await assert.rejects(client.connect(), { code, message, isRetryable: true });
});

test("a server that is full when one comes back is tried again, with the reason", async (t) => {
  let isFull = false;
  const server = await serve(
    (connection) => connection.send(CREATED),
    () => (isFull ? FULL : null),
  );
  const backoff = { firstMinMs: 5, firstMaxMs: 10 };
  const client = new IntoneClient({ url: server.url, WebSocket, backoff });
  t.after(async () => {
    await client.close();
    await server.stop();
  });
  await client.connect();
  const states = recorded(client, "state");
  isFull = true;
  server.connections[0].destroy();
  await until(() => states.some(({ error }) => error?.code === "overloaded"));
  isFull = false;
  await until(() => client.state === "open");
});

test("close() while it connects is not blamed on the server", async (t) => {
  const { client } = await conversation(t);
  const opening = assert.rejects(client.connect(), /closed before it was open/);
  await client.close();
  await opening;
});

test("close() while the reason of a refusal is asked for ends the client", async (t) => {
  const { client, server } = await conversation(t);
  await server.stop();
  const opening = assert.rejects(client.connect(), ConnectionError);
  await client.close();
  await opening;
  assert.equal(client.state, "closed");
});

test("what a microphone does to the sound is told to every session, before the audio", async (t) => {
  const { server, client } = await conversation(t);
  client.describeSource({ sampleRate: 48_000, echoCancellation: "all", autoGainControl: false });
  await client.connect();
  client.send(FRAME);
  const [connection] = server.connections;
  await until(() => connection.received.length === 2);
  const source = { sample_rate_hz: 48_000, echo_cancellation: true, auto_gain_control: false };
  assert.deepEqual(connection.received[0], { type: "session.update", source });
  connection.destroy();
  await until(() => server.connections[1]?.received[0]?.source);
});

test("what it does later in the session is kept for the next: behind audio it would be refused", async (t) => {
  const { server, client } = await conversation(t);
  await client.connect();
  const [connection] = server.connections;
  client.describeSource({ sampleRate: 48_000 });
  client.send(FRAME);
  client.describeSource({ sampleRate: 44_100 });
  client.flush();
  await until(() => connection.received.some(({ type }) => type === "flush"));
  const types = connection.received.map(({ type = "audio" }) => type);
  assert.deepEqual(types, ["session.update", "audio", "flush"]);
  connection.destroy();
  await until(() => server.connections[1]?.received[0]?.source.sample_rate_hz === 44_100);
});

test("a loop reads every message in order, and ends with the client", async (t) => {
  const { server, client } = await conversation(t);
  const types = [];
  const loop = (async () => {
    for await (const { type } of client) types.push(type);
  })();
  await client.connect();
  server.connections[0].send({ type: "utterance.started", utterance_id: 1 });
  server.connections[0].send({ type: "utterance.result", utterance_id: 1 });
  await until(() => types.length === 3);
  await client.close();
  await loop;
  assert.deepEqual(types, [
    "session.created",
    "utterance.started",
    "utterance.result",
    "session.closed",
  ]);
  for await (const event of client) assert.fail(`${event.type} after the end`);
});

test("a loop learns of a connection that is lost for good", async (t) => {
  const { server, client } = await conversation(t, { reconnect: false });
  await client.connect();
  const loop = (async () => {
    for await (const _ of client);
  })();
  server.connections[0].destroy();
  await assert.rejects(loop, { code: "server_unavailable" });
});

test("a loop that stands still is told, and memory does not grow", async (t) => {
  const { server, client } = await conversation(t);
  await client.connect();
  const iterator = client[Symbol.asyncIterator]();
  server.connections[0].send({ type: "pong", marker: "first" });
  await iterator.next();
  let pongs = 0;
  client.on("pong", () => (pongs += 1));
  for (let n = 0; n < 1_001; n += 1) server.connections[0].send({ type: "pong", marker: "" });
  await until(() => pongs === 1_001);
  await assert.rejects(async () => {
    for await (const _ of iterator);
  }, /1000 events were not read/);
});

test("connect() twice is a mistake, and says what to do", async (t) => {
  const { client } = await conversation(t);
  await client.connect();
  await assert.rejects(client.connect(), /close\(\) first/);
});

for (const [how, end] of /** @type {const} */ ([
  ["a loss", ({ server }) => server.connections[0].close(1011)],
  ["close()", ({ client }) => client.close()],
])) {
  test(`who opens the next session as soon as ${how} is told gets it`, async (t) => {
    const { server, client } = await conversation(t, { reconnect: false });
    await client.connect();
    /** @type {Promise<unknown>} */
    const again = new Promise((resolve, reject) => {
      const off = client.on("state", ({ state }) => {
        if (state !== "closed") return;
        off();
        client.connect().then(resolve, reject);
      });
    });
    void end({ server, client });
    assert.equal((await again).session_id, "s2");
    assert.equal(client.state, "open");
  });
}

test("a listener that throws is reported, and nothing else comes of it", async (t) => {
  const faults = [];
  const keep = (fault) => faults.push(fault.message);
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", keep);
  t.after(() => {
    process.removeListener("uncaughtException", keep);
    for (const other of others) process.on("uncaughtException", other);
  });
  const { client } = await conversation(t);
  const off = client.on("state", ({ state }) => {
    throw new Error(`a listener's fault: ${state}`);
  });
  const states = recorded(client, "state");
  assert.equal((await client.connect()).session_id, "s1");
  assert.deepEqual(
    states.map(({ state }) => state),
    ["connecting", "open"],
  );
  await until(() => faults.length === 2);
  off();
  assert.match(faults[0], /a listener's fault: connecting/);
});

test("a loop over a client that is closed before it connects ends", async () => {
  const client = new IntoneClient({ url: "ws://127.0.0.1:1", WebSocket });
  const heard = (async () => {
    const events = [];
    for await (const event of client) events.push(event);
    return events;
  })();
  assert.equal(await client.close(), null);
  assert.deepEqual(await heard, []);
});
