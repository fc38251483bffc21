/** How a sound file comes to the page: picked in the dialogue, or dropped anywhere. */

import { Emitter } from "../emitter.js";

/** @extends {Emitter<{picked: File}>} */
export class FilePicker extends Emitter {
  /** @type {HTMLInputElement} */ #input;

  /** @param {HTMLInputElement} input */
  constructor(input) {
    super();
    this.#input = input;
    input.addEventListener("change", () => this.#pick());
    document.addEventListener("dragover", (event) => this.#drag(event, true));
    // With a related target the pointer has only moved on to another element of the page.
    document.addEventListener("dragleave", (event) =>
      this.#drag(event, event.relatedTarget !== null),
    );
    document.addEventListener("drop", (event) => this.#drop(event));
  }

  /** @param {boolean} isEnabled the dialogue; what is dropped is always said */
  enable(isEnabled) {
    this.#input.disabled = !isEnabled;
  }

  #pick() {
    const file = this.#input.files?.[0];
    // Else picking the same file again would be no change.
    this.#input.value = "";
    if (file) this.emit("picked", file);
  }

  /**
   * @param {DragEvent} event
   * @param {boolean} isOver
   */
  #drag(event, isOver) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("is-dropping", isOver);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    this.#drag(event, false);
    const file = event.dataTransfer?.files[0];
    if (file) this.emit("picked", file);
  }
}
