/** How a sound file comes to the page: picked in the dialogue, or dropped anywhere. */

import { byId } from "./dom.js";

/** @param {(file: File) => void} take */
export function takeFiles(take) {
  /** @type {HTMLInputElement} */
  const input = byId("file");
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    // Else picking the same file again would be no change.
    input.value = "";
    if (file) take(file);
  });
  document.addEventListener("dragover", (event) => drag(event, true));
  // With a related target the pointer has only moved on to another element of the page.
  document.addEventListener("dragleave", (event) => drag(event, event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    drag(event, false);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}

/**
 * @param {DragEvent} event
 * @param {boolean} isOver
 */
function drag(event, isOver) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.toggle("is-dropping", isOver);
}
