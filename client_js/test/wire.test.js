import assert from "node:assert/strict";
import { test } from "node:test";

import { fitsSubprotocol, parseEvent, streamUrl } from "../wire.js";

test("a known event is read as it is, unknown fields included", () => {
  const event = { type: "utterance.started", utterance_id: 1, channel: 0, start_ms: 20, new: true };
  assert.deepEqual(parseEvent(JSON.stringify(event)), event);
});

test("a type that is not known is passed over: a newer server may say more", () => {
  assert.equal(parseEvent('{"type": "utterance.transcript"}'), null);
});

for (const data of ["", "nonsense", "[]", "null", "1", "{}", '{"type": 1}', new ArrayBuffer(2)]) {
  test(`${typeof data === "string" ? data || "an empty text" : "bytes"} is not an event`, () => {
    assert.throws(() => parseEvent(data), SyntaxError);
  });
}

test("the stream's address keeps the server's path prefix and drops the page's query", () => {
  const url = streamUrl("http://host:8765/voice/?theme=dark#top", { model: "gru", interimMs: 250 });
  assert.equal(
    url.href,
    "ws://host:8765/voice/v1/stream?encoding=s16le&sample_rate=16000&channels=1&model=gru&interim_ms=250",
  );
});

test("a secure page gets a secure stream, and the server's defaults where nothing is asked", () => {
  const url = streamUrl("https://host/", {});
  assert.equal(url.protocol, "wss:");
  assert.ok(!url.searchParams.has("model") && !url.searchParams.has("interim_ms"));
});

test("a token that holds what a subprotocol may not is told apart", () => {
  for (const token of ["abc", "a.b-c_d~", "A1!#$%&'*+^`|"]) assert.ok(fitsSubprotocol(token), token);
  for (const token of ["", "a b", "a/b", "ab==", "a:b", "ä", "a,b"]) {
    assert.ok(!fitsSubprotocol(token), token);
  }
});
