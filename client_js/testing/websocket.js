/**
 * A small real WebSocket server and client (RFC 6455) for the tests: Node before 22 has neither,
 * and the package takes no dependency for them. No extensions, no fragments.
 */

import { createHash, randomBytes } from "node:crypto";
import { createServer, request } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const Opcode = Object.freeze({ TEXT: 1, BINARY: 2, CLOSE: 8 });

function encodeFrame(opcode, payload, isMasked) {
  const length = payload.length;
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const header = Buffer.alloc(2 + size);
  header[0] = 0x80 | opcode;
  header[1] = (isMasked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) header.writeUInt16BE(length, 2);
  if (size === 8) header.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([header, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([header, mask, payload.map((byte, n) => byte ^ mask[n % 4])]);
}

/** Yields `{opcode, payload}` for each whole frame in `bytes`, and returns what is left over. */
function* decodeFrames(bytes) {
  for (;;) {
    if (bytes.length < 2) return bytes;
    const short = bytes[1] & 0x7f;
    const size = short < 126 ? 0 : short === 126 ? 2 : 8;
    const maskAt = 2 + size;
    const isMasked = (bytes[1] & 0x80) !== 0;
    const dataAt = maskAt + (isMasked ? 4 : 0);
    if (bytes.length < dataAt) return bytes;
    const length =
      size === 0 ? short : size === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < dataAt + length) return bytes;
    const mask = bytes.subarray(maskAt, dataAt);
    const data = bytes.subarray(dataAt, dataAt + length);
    const payload = isMasked ? data.map((byte, n) => byte ^ mask[n % 4]) : data;
    yield { opcode: bytes[0] & 0x0f, payload: Buffer.from(payload) };
    bytes = bytes.subarray(dataAt + length);
  }
}

function closePayload(code) {
  if (code === undefined) return Buffer.alloc(0);
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return payload;
}

/** One end of an upgraded connection. */
class Peer {
  #left = Buffer.alloc(0);

  constructor(socket, isClient, head) {
    this.socket = socket;
    this.isClient = isClient;
    this.onFrame = () => {};
    this.onEnd = () => {};
    this.closeCode = 1006;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", () => {});
    socket.on("close", () => this.onEnd(this.closeCode));
    // Frames may come in one packet with the handshake; the listener is set by then.
    if (head.length > 0) setImmediate(() => this.#take(head));
  }

  send(data) {
    const isText = typeof data === "string";
    const payload = isText ? Buffer.from(data) : Buffer.from(data.slice(0));
    this.socket.write(encodeFrame(isText ? Opcode.TEXT : Opcode.BINARY, payload, this.isClient));
  }

  close(code) {
    if (this.socket.writableEnded) return;
    this.socket.end(encodeFrame(Opcode.CLOSE, closePayload(code), this.isClient));
  }

  #take(bytes) {
    const frames = decodeFrames(Buffer.concat([this.#left, bytes]));
    let step = frames.next();
    for (; !step.done; step = frames.next()) {
      const { opcode, payload } = step.value;
      if (opcode === Opcode.CLOSE) {
        this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        this.close(payload.length >= 2 ? this.closeCode : undefined);
      } else this.onFrame(opcode === Opcode.TEXT ? payload.toString() : payload);
    }
    this.#left = step.value;
  }
}

/** The part of the browser's WebSocket that the client uses. */
class NodeWebSocket {
  readyState = 0;
  onmessage = null;
  onclose = null;
  #peer = null;
  #isDone = false;

  constructor(url, protocols = []) {
    const key = randomBytes(16).toString("base64");
    const handshake = request({
      ...addressOf(new URL(url)),
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": protocols.join(", "),
      },
    });
    handshake.on("upgrade", (_, socket, head) => this.#open(new Peer(socket, true, head)));
    handshake.on("response", () => this.#close(1006));
    handshake.on("error", () => this.#close(1006));
    handshake.end();
  }

  get bufferedAmount() {
    return this.#peer?.socket.writableLength ?? 0;
  }

  send(data) {
    this.#peer.send(data);
  }

  close() {
    this.readyState = 2;
    this.#peer?.close(1000);
  }

  #open(peer) {
    if (this.readyState === 2) return peer.close(1000);
    this.#peer = peer;
    this.readyState = 1;
    peer.onFrame = (data) => this.onmessage?.({ data });
    peer.onEnd = (code) => this.#close(code);
  }

  #close(code) {
    if (this.#isDone) return;
    this.#isDone = true;
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }
}

function addressOf(url) {
  return { host: url.hostname, port: url.port, path: url.pathname + url.search };
}

/** The engine's own WebSocket where it has one. */
export const WebSocket = globalThis.WebSocket ?? NodeWebSocket;

/** Waits for `condition()`; fails at the deadline instead of hanging. */
export async function until(condition, timeoutMs = 5_000) {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Listens on a free port. `onConnection(connection)` gets `{url, protocols, received, send(object),
 * close(code), destroy(), pause(), resume()}`; `received` fills with parsed texts and Buffers, and
 * `onMessage` is called with each.
 */
export async function serve(onConnection) {
  const connections = [];
  const http = createServer((_, response) => response.writeHead(503).end());
  http.on("upgrade", (incoming, socket, head) => {
    const peer = accept(incoming, socket, head);
    const connection = {
      url: new URL(incoming.url, "http://localhost"),
      protocols: incoming.headers["sec-websocket-protocol"],
      received: [],
      onMessage: () => {},
      send: (message) => peer.send(typeof message === "string" ? message : JSON.stringify(message)),
      close: (code) => peer.close(code),
      destroy: () => socket.destroy(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    };
    peer.onFrame = (data) => {
      const message = typeof data === "string" ? JSON.parse(data) : data;
      connection.received.push(message);
      connection.onMessage(message);
    };
    connections.push(connection);
    onConnection(connection, connections.length);
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address();
  return { url: `http://127.0.0.1:${port}/`, connections, stop: () => stop(http, connections) };
}

function accept(incoming, socket, head) {
  const key = createHash("sha1").update(incoming.headers["sec-websocket-key"] + GUID);
  const protocol = incoming.headers["sec-websocket-protocol"]?.split(",")[0];
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${key.digest("base64")}\r\n` +
      (protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : "") +
      "\r\n",
  );
  return new Peer(socket, false, head);
}

async function stop(http, connections) {
  for (const connection of connections) connection.destroy();
  await new Promise((resolve) => http.close(resolve));
}
