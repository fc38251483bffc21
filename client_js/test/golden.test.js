import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { IntoneClient } from "../client.js";
import { WebSocket, serve } from "../testing/server.js";

const GOLDEN = new URL("../../tests/golden/conversation.jsonl", import.meta.url);

test("every message of a real conversation arrives as it was said, by its type and in order", async (t) => {
  const lines = readFileSync(GOLDEN, "utf8").trimEnd().split("\n");
  const said = lines.map((line) => JSON.parse(line));
  const server = await serve((connection) => {
    const rest = [...lines];
    connection.send(rest.shift());
    connection.onMessage = ({ type }) => {
      if (type !== "session.close") return;
      for (const line of rest) connection.send(line);
      connection.close(1000);
    };
  });
  t.after(() => server.stop());
  const client = new IntoneClient({ url: server.url, WebSocket });
  const heard = [];
  for (const type of new Set(said.map((message) => message.type))) {
    client.on(type, (event) => heard.push(event));
  }
  const loop = (async () => {
    const read = [];
    for await (const event of client) read.push(event);
    return read;
  })();
  assert.deepEqual(await client.connect(), said[0]);
  assert.deepEqual(await client.close(), said.at(-1));
  assert.deepEqual(heard, said);
  assert.deepEqual(await loop, said);
  assert.ok(said.some(({ type }) => type === "utterance.interim"));
});
