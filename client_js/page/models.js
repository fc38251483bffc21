/** The choice among the server's models, and the token that a guarded server asks for. */

import { Emitter } from "../emitter.js";
import { byId } from "./dom.js";

/**
 * `changed` comes with the model that is chosen from now on, `failed` with a sentence.
 *
 * @extends {Emitter<{changed: ModelEntry, failed: string}>}
 */
export class ModelChooser extends Emitter {
  /** @type {HTMLSelectElement} */ #select = byId("model");
  /** @type {HTMLFormElement} */ #form = byId("token-form");
  /** @type {HTMLInputElement} */ #input = byId("token");
  /** @type {ModelEntry[]} */ #models = [];
  #isEnabled = true;

  /** @param {URL} baseUrl of the server */
  constructor(baseUrl) {
    super();
    this.baseUrl = baseUrl;
    this.#select.addEventListener("change", () => this.#announce());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      // The form goes, and would take the focus with it.
      void this.load().then(() => this.#form.hidden && this.#select.focus());
    });
  }

  /** @returns {string | undefined} what the person typed, if the server asked */
  get token() {
    return this.#input.value || undefined;
  }

  get chosen() {
    return this.#models.find(({ name }) => name === this.#select.value);
  }

  /** @param {boolean} isEnabled */
  enable(isEnabled) {
    this.#isEnabled = isEnabled;
    this.#select.disabled = !isEnabled || this.#models.length === 0;
  }

  /** Asks the server again. */
  async load() {
    try {
      const headers = headersFor(this.token);
      const response = await fetch(new URL("v1/models", this.baseUrl), { headers });
      this.#form.hidden = response.status !== 401;
      if (!response.ok) throw new Error(await refusal(response));
      const { models, default: usual } = await response.json();
      this.#models = models;
      const names = this.#models.map(({ name }) => new Option(name, name));
      this.#select.replaceChildren(...names);
      this.#select.value = usual;
      // Listening may have begun while the server thought about it.
      this.enable(this.#isEnabled);
      this.#announce();
    } catch (error) {
      const why = error instanceof TypeError ? "it cannot be reached" : /** @type {Error} */ (error);
      const reason = String(why).replace(/^Error: /, "");
      this.emit("failed", `The server did not list its models: ${reason}.`);
    }
  }

  #announce() {
    if (this.chosen) this.emit("changed", this.chosen);
  }
}

/**
 * @param {string | undefined} token
 * @throws {Error} a sentence about what no header can carry, which `fetch` calls a network error
 */
function headersFor(token) {
  try {
    return new Headers(token ? { Authorization: `Bearer ${token}` } : {});
  } catch {
    throw new Error("the token holds characters that no token can");
  }
}

/** @param {Response} response with the server's error body, if it came from the server at all */
async function refusal(response) {
  try {
    return String((await response.json()).error.message).replace(/\.$/, "");
  } catch {
    return `it answered ${response.status}`;
  }
}
