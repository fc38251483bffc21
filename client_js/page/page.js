/** The page at `/` as it opens: models, files and the button; what listens is loaded behind it. */

import { byId } from "./dom.js";
import { ModelChooser } from "./models.js";
import { takeFiles } from "./picker.js";
import { ScoreBars } from "./render.js";
import { notify } from "./status.js";
import { modelWords } from "./words.js";

const models = new ModelChooser(new URL(".", document.baseURI));
const emotions = new ScoreBars(byId("emotions"));
const genders = new ScoreBars(byId("genders"));

/** @type {Promise<import("./listening.js").Listening> | undefined} */
let loading;

/** @param {(listening: import("./listening.js").Listening) => unknown} act */
async function withListening(act = () => {}) {
  try {
    loading ??= import("./listening.js").then(
      ({ Listening }) => new Listening(models, emotions, genders),
    );
    act(await loading);
  } catch {
    notify("A part of this page could not be loaded. Reload it.");
  }
}

models.on("failed", notify);
models.on("changed", (model) => {
  if (globalThis.isSecureContext) notify("");
  emotions.setLabels(model.emotions);
  genders.setLabels(model.genders);
  byId("model-about").textContent = modelWords(model);
});
byId("listen").addEventListener("click", ({ detail }) => {
  void withListening((one) => one.toggle(detail));
});
takeFiles((file) => void withListening((one) => one.take(file)));
if (!globalThis.isSecureContext) {
  const why = "This page was not opened over https or from localhost, so browsers";
  notify(`${why} give it no microphone. Files can still be heard.`);
}
// The listening part is there before somebody has found the button.
void models.load().finally(() => void withListening());
