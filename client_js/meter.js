/**
 * `<intone-meter url="https://…">`: a button, the level, and the emotion that is heard, for pages
 * that want no more than that.
 *
 * Attributes: `url` of the server (the page's own if left out), `model`, `token`. Every message of
 * the server is also an event `intone` of the element, which bubbles, with the message as `detail`.
 * `--intone-accent` sets the colour; `::part(button)`, `::part(level)`, `::part(label)`
 * and `::part(note)` the rest.
 */

import { IntoneClient } from "./client.js";
import { meterShare } from "./level.js";
import { Microphone } from "./microphone.js";
import { UNSURE } from "./wire.js";

const INTERIM_MS = 300;

// A constructed sheet needs no 'unsafe-inline' in the page's content security policy.
const STYLE = `
  :host { display: inline-grid; grid-template-columns: auto 1fr; gap: 4px 12px; align-items: center;
    min-width: 260px; padding: 12px; border: 1px solid currentColor; border-radius: 12px;
    font: 15px/1.4 system-ui, sans-serif; --accent: var(--intone-accent, #2f5d8a) }
  :host([hidden]) { display: none }
  button { grid-row: span 2; min-height: 44px; padding: 6px 14px; border: 0; border-radius: 10px;
    background: var(--accent); color: #fff; font: inherit; font-weight: 600; cursor: pointer }
  button:focus-visible { outline: 3px solid; outline-offset: 2px }
  b { font-size: 19px }
  small { grid-column: 1 / -1 }
  meter { width: 100%; height: 10px }
  [role=status] { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%) }
`;

const NOTE = "An estimate from the sound of the voice; often wrong.";
/** Instead of a label, until there is one. */
const PENDING = "…";

/** Elements with their attributes: no markup, which a page may allow none (Trusted Types). */
const CONTENT = /** @type {[string, Record<string, string>, string?][]} */ ([
  ["button", { part: "button", type: "button" }, "Start"],
  ["b", { part: "label" }, "–"],
  ["meter", { part: "level", min: "0", max: "1", "aria-label": "Sound level" }],
  ["small", { part: "note" }, NOTE],
  // Screen readers hear what is said, not each answer of an utterance that still runs.
  ["span", { role: "status" }],
]);

/** Node imports modules of packages too, and has no elements. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

export class IntoneMeter extends Base {
  /** @type {IntoneClient | null} */ #client = null;
  /** @type {Microphone | null} */ #microphone = null;

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    for (const [name, attributes, text = ""] of CONTENT) {
      const element = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      element.textContent = text;
      root.append(element);
    }
    this.#part("button").onclick = ({ detail }) => {
      // A double click is one: its second would undo the first.
      if (detail < 2) void this.toggle();
    };
  }

  disconnectedCallback() {
    void this.stop();
  }

  /**
   * Starts or stops listening, or gives up a start that waits; failures are said in the element,
   * not thrown.
   */
  async toggle() {
    if (this.#client) return await this.stop();
    /** @type {IntoneClient | null} */ let client = null;
    try {
      this.#client = client = this.#newClient();
      await this.#start(client);
    } catch (error) {
      // Given up, it fails long after, when something else may be heard.
      if (this.#client !== client) return;
      await this.stop();
      this.#say("–", error instanceof Error ? error.message : String(error));
    }
  }

  /** Stops listening, and waits for the last result. */
  async stop() {
    const [client, microphone] = [this.#client, this.#microphone];
    this.#client = this.#microphone = null;
    await microphone?.stop();
    await client?.close();
    // It may have been started anew meanwhile.
    if (this.shadowRoot && !this.#client) this.#rest();
  }

  /** @param {string} why it cannot go on; said at once, and again after the last result */
  async #giveUp(why) {
    this.#say("–", why);
    await this.stop();
    if (!this.#client) this.#say("–", why);
  }

  #rest() {
    this.#part("button").textContent = "Start";
    this.#setLevel(0);
    // It is no longer listening, waiting or trying.
    if (this.#part("label").textContent === PENDING) this.#say("–", NOTE);
  }

  #newClient() {
    const attribute = (/** @type {string} */ name) => this.getAttribute(name) ?? undefined;
    return new IntoneClient({
      url: new URL(attribute("url") ?? ".", document.baseURI),
      model: attribute("model"),
      token: attribute("token"),
      interimMs: INTERIM_MS,
    });
  }

  /** @param {IntoneClient} client */
  async #start(client) {
    this.#part("button").textContent = "Cancel";
    this.#microphone = new Microphone().pipe(client);
    this.#microphone.on("level", (dbfs) => this.#setLevel(meterShare(dbfs)));
    this.#microphone.on("ended", ({ message }) => void this.#giveUp(message));
    client.on("event", (event) => this.#show(event));
    client.on("state", ({ state, error }) => {
      if (state === "waiting" && error) this.#say(PENDING, `Trying again: ${error.message}`);
      if (state === "closed" && error && this.#client === client) void this.#giveUp(error.message);
    });
    this.#say(PENDING, "Allow the microphone.");
    await this.#microphone.start();
    // Stopped meanwhile.
    if (this.#client !== client) return;
    await client.connect();
    if (this.#client === client) this.#part("button").textContent = "Stop";
  }

  /** @param {import("./events.js").ServerMessage} event */
  #show(event) {
    this.dispatchEvent(new CustomEvent("intone", { detail: event, bubbles: true, composed: true }));
    if (event.type === "session.created") this.#say(PENDING, "Listening.");
    if (event.type === "error") this.#say("–", event.message);
    if (event.type !== "utterance.interim" && event.type !== "utterance.result") return;
    const { emotion, gender } = event;
    const sure = (/** @type {import("./events.js").Answer} */ { label, confidence }) =>
      label === UNSURE ? UNSURE : `${label} ${Math.round(100 * confidence)}%`;
    this.#write(sure(emotion), `Gender: ${sure(gender)}. An estimate; often wrong.`);
    if (event.type === "utterance.result") this.#announce();
  }

  /**
   * @param {string} label
   * @param {string} note
   */
  #say(label, note) {
    this.#write(label, note);
    this.#announce();
  }

  /**
   * @param {string} label
   * @param {string} note
   */
  #write(label, note) {
    this.#part("label").textContent = label;
    this.#part("note").textContent = note;
  }

  #announce() {
    const [label, note] = ["label", "note"].map((name) => this.#part(name).textContent);
    const status = /** @type {HTMLElement} */ (this.shadowRoot?.querySelector("[role=status]"));
    status.textContent = label === "–" || label === PENDING ? note : `${label}. ${note}`;
  }

  /** @param {number} share of full scale */
  #setLevel(share) {
    /** @type {HTMLMeterElement} */ (this.#part("level")).value = share;
  }

  /** @param {string} name */
  #part(name) {
    return /** @type {HTMLElement} */ (this.shadowRoot?.querySelector(`[part=${name}]`));
  }
}

if (globalThis.customElements && !customElements.get("intone-meter")) {
  customElements.define("intone-meter", IntoneMeter);
}
