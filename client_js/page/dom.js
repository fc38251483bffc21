/**
 * @template {HTMLElement} Kind
 * @param {string} id
 */
export function byId(id) {
  return /** @type {Kind} */ (document.getElementById(id));
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(string | Node)} content
 */
export function element(tag, className, ...content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

/**
 * @param {string} text
 * @param {string} className
 * @param {() => void} act
 */
export function button(text, className, act) {
  const made = /** @type {HTMLButtonElement} */ (element("button", className, text));
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/**
 * Gives an element the colour of a label.
 *
 * @template {HTMLElement} Kind
 * @param {Kind} made
 * @param {string} label
 */
export function paint(made, label) {
  made.dataset.label = label;
  made.style.setProperty("--label", `var(${colourName(label)})`);
  return made;
}

const KNOWN = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];
/** @type {Record<string, string>} labels of other models, and those that need no colour of their own */
const LIKE = {
  boredom: "neutral",
  fear: "fearful",
  surprise: "surprised",
  female: "gender",
  male: "gender",
  unsure: "unsure",
  "": "none",
};

/** @param {string} label */
export function colourName(label) {
  if (KNOWN.includes(label)) return `--is-${label}`;
  const sum = [...label].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return `--is-${LIKE[label] ?? KNOWN[sum % KNOWN.length]}`;
}
