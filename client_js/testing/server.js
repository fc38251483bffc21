/** A real WebSocket server for the tests, and the client side of it for a Node that has none. */

import { createServer } from "node:http";

import { WebSocket, WebSocketServer } from "ws";

export { WebSocket };

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
 * `onMessage` is called with each. Without an upgrade, or where `refuse()` says so, the answer is
 * the error that it gives.
 */
export async function serve(onConnection, refuse = () => null) {
  const connections = [];
  const http = createServer((_, response) => answer(response, refuse()));
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => [...offered][0],
  });
  http.on("upgrade", (incoming, socket, head) => {
    if (refuse()) return void socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    sockets.handleUpgrade(incoming, socket, head, (peer) => {
      const connection = connectionOf(incoming, socket, peer);
      connections.push(connection);
      onConnection(connection, connections.length);
    });
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address();
  return { url: `http://127.0.0.1:${port}/`, connections, stop: () => stop(http, connections) };
}

function answer(response, error) {
  response.writeHead(error ? 503 : 400, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ error: error ?? { code: "bad_request", message: "" } }));
}

function connectionOf(incoming, socket, peer) {
  const connection = {
    url: new URL(incoming.url, "http://localhost"),
    protocols: incoming.headers["sec-websocket-protocol"],
    received: [],
    onMessage: () => {},
    send: (message) => peer.send(typeof message === "string" ? message : JSON.stringify(message)),
    close: (code) => peer.close(code),
    destroy: () => socket.destroy(),
    pause: () => peer.pause(),
    resume: () => peer.resume(),
  };
  peer.on("error", () => {});
  peer.on("message", (data, isBinary) => {
    const message = isBinary ? data : JSON.parse(data.toString());
    connection.received.push(message);
    connection.onMessage(message);
  });
  return connection;
}

async function stop(http, connections) {
  for (const connection of connections) connection.destroy();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
}
