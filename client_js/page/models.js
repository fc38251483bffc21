/** The choice among the server's models, and the token that a guarded server asks for. */

import { Emitter } from "../emitter.js";

/** @typedef {import("../events").ModelEntry} ModelInfo */

/**
 * `changed` comes with the model that is chosen from now on, `failed` with a sentence.
 *
 * @extends {Emitter<{changed: ModelInfo, failed: string}>}
 */
export class ModelChooser extends Emitter {
  /** @type {URL} */ #baseUrl;
  /** @type {HTMLSelectElement} */ #select;
  /** @type {HTMLFormElement} */ #tokenForm;
  /** @type {HTMLInputElement} */ #tokenInput;
  /** @type {ModelInfo[]} */ #models = [];

  /**
   * @param {URL} baseUrl of the server
   * @param {{select: HTMLSelectElement, tokenForm: HTMLFormElement, tokenInput: HTMLInputElement}} elements
   */
  constructor(baseUrl, { select, tokenForm, tokenInput }) {
    super();
    this.#baseUrl = baseUrl;
    this.#select = select;
    this.#tokenForm = tokenForm;
    this.#tokenInput = tokenInput;
    select.addEventListener("change", () => this.#announce());
    tokenForm.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.load();
    });
  }

  /** @returns {string | undefined} what the person typed, if the server asked */
  get token() {
    return this.#tokenInput.value || undefined;
  }

  /** @returns {ModelInfo | undefined} */
  get chosen() {
    return this.#models.find(({ name }) => name === this.#select.value);
  }

  /** @param {boolean} isEnabled */
  enable(isEnabled) {
    this.#select.disabled = !isEnabled || this.#models.length === 0;
  }

  /** Asks the server again. */
  async load() {
    try {
      const response = await fetch(new URL("v1/models", this.#baseUrl), {
        headers: this.#headers(),
      });
      this.#tokenForm.hidden = response.status !== 401;
      if (!response.ok) throw new Error(await refusal(response));
      const { models, default: usual } = await response.json();
      this.#offer(models, usual);
    } catch (error) {
      const why =
        error instanceof TypeError ? "it cannot be reached" : String(error).replace(/^Error: /, "");
      this.emit("failed", `The server did not list its models: ${why}.`);
    }
  }

  #headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : undefined;
  }

  /**
   * @param {ModelInfo[]} models
   * @param {string} usual
   */
  #offer(models, usual) {
    this.#models = models;
    this.#select.replaceChildren(...models.map(({ name }) => new Option(name, name)));
    this.#select.value = usual;
    this.enable(true);
    this.#announce();
  }

  #announce() {
    if (this.chosen) this.emit("changed", this.chosen);
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
