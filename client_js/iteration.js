/** Events that come by themselves, for a loop that asks for them. */

/** A loop that is this far behind has stopped: even long sessions say a few things a second. */
const KEPT_EVENTS = 1_000;

/**
 * What was pushed, in order, until it ended or failed.
 *
 * @template Item
 */
export class Inbox {
  /** @type {Item[]} */ #items = [];
  /** @type {(() => void) | null} */ #wake = null;
  #isEnded = false;
  /** @type {Error | null} */ #error = null;

  /** @param {Item} item */
  push(item) {
    if (this.#isEnded) return;
    this.#items.push(item);
    if (this.#items.length > KEPT_EVENTS) {
      this.end(new Error(`${KEPT_EVENTS} events were not read`));
    }
    this.#wake?.();
  }

  /** @param {Error | null} [error] what the loop throws once it has read the rest */
  end(error = null) {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }

  /** @returns {AsyncGenerator<Item, void>} */
  async *read() {
    for (;;) {
      while (this.#items.length > 0) yield /** @type {Item} */ (this.#items.shift());
      if (this.#error) throw this.#error;
      if (this.#isEnded) return;
      await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
      this.#wake = null;
    }
  }
}
