/** The package as npm packs it, in a bundler: what an application gets that installs it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "vite";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const APPLICATION = `
  import { IntoneClient, Microphone, streamFile } from "intone-client";
  import "intone-client/meter.js";
  const client = new IntoneClient({ url: location.href });
  const microphone = new Microphone().pipe(client);
  document.onclick = () => microphone.start().then(() => client.connect());
  window.hear = (file) => streamFile(client, file);
`;
const TYPED = `
  import { IntoneClient, Microphone, type Result } from "intone-client";
  const client = new IntoneClient({ url: "http://localhost/" });
  client.on("utterance.result", (event) => {
    const result: Result = event;
    const label: string = result.emotion.label;
    // @ts-expect-error: a label is no number
    const wrong: number = result.emotion.label;
    console.log(label, wrong);
  });
  // @ts-expect-error: there is no such event
  client.on("utterance.sung", () => {});
  new Microphone({ deviceId: "x" }).pipe(client).on("level", (dbfs) => dbfs.toFixed());
  // As the types of the package \`ws\` have it: less than a browser's, and other than that.
  declare class NodeWebSocket {
    constructor(address: string | URL, protocols?: string | string[]);
    readonly readyState: 0 | 1 | 2 | 3;
    readonly bufferedAmount: number;
    binaryType: "nodebuffer" | "arraybuffer" | "fragments";
    send(data: string | ArrayBuffer | Uint8Array[], told?: (error?: Error) => void): void;
    close(code?: number, data?: string | Uint8Array): void;
    onopen: ((event: { type: string; target: NodeWebSocket }) => void) | null;
    onmessage: ((event: { data: string | ArrayBuffer | Uint8Array[] }) => void) | null;
    onclose: ((event: { code: number; reason: string }) => void) | null;
    onerror: ((event: { message: string }) => void) | null;
  }
  new IntoneClient({ url: "http://localhost/", WebSocket: NodeWebSocket });
  new IntoneClient({ url: "http://localhost/", WebSocket: globalThis.WebSocket });
  export async function read() {
    for await (const event of client) if (event.type === "pong") console.log(event.lag_ms);
  }
`;

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "intone-client-"));
  const npm = (...words) => execFileSync("npm", words, { cwd: PACKAGE, encoding: "utf8" });
  const [{ filename }] = JSON.parse(npm("pack", "--json", "--silent", "--pack-destination", folder));
  const installed = join(folder, "node_modules", "intone-client");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, filename), "-C", installed, "--strip-components=1"]);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("the package holds its modules and their types, and nothing of the page", () => {
  const files = readdirSync(join(folder, "node_modules", "intone-client"), { recursive: true });
  for (const name of ["index.js", "meter.js", "worklet.js", "README.md", "types/index.d.ts"]) {
    assert.ok(files.includes(name), name);
  }
  assert.ok(files.includes(join("types", "events.d.ts")) && files.includes("LICENSE"));
  assert.deepEqual(
    files.filter((name) => /^(page|test|node_modules)/.test(name)),
    [],
  );
});

test("Vite bundles it, and copies the worklet as a file that needs no other", async () => {
  writeFileSync(join(folder, "main.js"), APPLICATION);
  writeFileSync(join(folder, "index.html"), '<script type="module" src="/main.js"></script>');
  await build({ root: folder, logLevel: "silent", configFile: false });
  const assets = join(folder, "dist", "assets");
  const names = readdirSync(assets);
  const worklet = names.find((name) => /^worklet-.*\.js$/.test(name));
  assert.ok(worklet, names.join());
  const code = readFileSync(join(assets, worklet), "utf8");
  assert.ok(code.includes("registerProcessor"));
  assert.ok(!/^\s*import\s/m.test(code));
  const main = readFileSync(join(assets, names.find((name) => name.startsWith("index-"))), "utf8");
  assert.ok(main.includes(worklet), "the bundle does not know where its worklet is");
  assert.ok(main.includes("intone-meter"), "the element was shaken off");
});

test("its types are found, and right, in an application written in TypeScript", () => {
  writeFileSync(join(folder, "typed.ts"), TYPED);
  const tsc = join(PACKAGE, "node_modules", "typescript", "bin", "tsc");
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"];
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  const done = (words) => execFileSync(process.execPath, [tsc, ...words], { cwd: folder });
  assert.doesNotThrow(
    () => done([...flags, "--lib", "es2022,dom", "typed.ts"]),
    (error) => assert.fail(String(error.stdout)),
  );
});
