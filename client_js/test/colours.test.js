import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { colourName } from "../page/dom.js";

const CSS = readFileSync(new URL("../page/style.css", import.meta.url), "utf8");
const LABELS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"];
/** Of the difference in CIELAB; neighbours on a printed map keyed by colour want about as much. */
const MIN_DIFFERENCE = 20;
/** What WCAG 1.4.11 asks of graphics against what they lie on. */
const MIN_CONTRAST = 3;

/** Machado, Oliveira and Fernandes 2009, at full severity, on linear RGB. */
const EYES = {
  usual: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};
const XYZ = [0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505];
const WHITE = [0.9505, 1, 1.089];

function apply(matrix, [x, y, z]) {
  return [0, 3, 6].map((row) => matrix[row] * x + matrix[row + 1] * y + matrix[row + 2] * z);
}

/** @returns linear RGB of both schemes */
function colours(name) {
  const [, light, dark] = CSS.match(new RegExp(`${name}: light-dark\\((#\\w+), (#\\w+)\\)`));
  return [light, dark].map((hex) => {
    const full = hex.length === 4 ? hex.replace(/\w/g, "$&$&") : hex;
    return [1, 3, 5].map((at) => {
      const value = parseInt(full.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
  });
}

function lab(linear) {
  const [x, y, z] = apply(XYZ, linear.map((value) => Math.min(1, Math.max(0, value)))).map(
    (value, n) => {
      const share = value / WHITE[n];
      return share > 0.008856 ? Math.cbrt(share) : 7.787 * share + 16 / 116;
    },
  );
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function contrast(one, other) {
  const [low, high] = [one, other].map((linear) => apply(XYZ, linear)[1]).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const [scheme, n] of [
  ["light", 0],
  ["dark", 1],
]) {
  for (const [eye, matrix] of Object.entries(EYES)) {
    test(`no two emotions look alike: ${scheme}, ${eye} eyes`, () => {
      const seen = LABELS.map((label) => lab(apply(matrix, colours(colourName(label))[n])));
      seen.forEach((one, a) => {
        seen.slice(a + 1).forEach((other, b) => {
          const difference = Math.hypot(...one.map((value, axis) => value - other[axis]));
          const pair = `${LABELS[a]} and ${LABELS[a + 1 + b]}`;
          assert.ok(difference >= MIN_DIFFERENCE, `${pair}: ${difference}`);
        });
      });
    });
  }

  test(`every emotion stands out from its card: ${scheme}`, () => {
    for (const label of LABELS) {
      const found = contrast(colours(colourName(label))[n], colours("--card")[n]);
      assert.ok(found >= MIN_CONTRAST, `${label}: ${found}`);
    }
  });
}

test("a label that nobody knew beforehand has a colour of its own all the same", () => {
  assert.ok(CSS.includes(`${colourName("contempt")}:`));
  assert.equal(colourName("fear"), colourName("fearful"));
  for (const label of ["", "unsure", "female"]) assert.ok(CSS.includes(`${colourName(label)}:`));
});
