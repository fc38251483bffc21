/** Curves and heat maps on a canvas. */

/** Viridis at five points: even in lightness, and the same to the colour-blind. */
const STOPS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** @type {Uint8ClampedArray} 256 colours of three bytes */
const COLOURS = Uint8ClampedArray.from({ length: 768 }, (_, n) => {
  const at = (Math.floor(n / 3) / 255) * (STOPS.length - 1);
  const stop = Math.min(Math.floor(at), STOPS.length - 2);
  const [from, to] = [STOPS[stop][n % 3], STOPS[stop + 1][n % 3]];
  return from + (to - from) * (at - stop);
});

/**
 * @param {HTMLCanvasElement} canvas gets as many pixels as it is shown with
 * @returns {{context: CanvasRenderingContext2D, width: number, height: number}} in CSS pixels
 */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const [across, down] = [width * devicePixelRatio, height * devicePixelRatio].map(Math.round);
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * @param {ArrayLike<ArrayLike<number>>} columns of values in [0, 1], lowest first
 * @returns {ImageData} one pixel a value
 */
export function heatImage(columns) {
  const [across, down] = [columns.length, columns[0].length];
  const image = new ImageData(across, down);
  for (let x = 0; x < across; x += 1) {
    for (let y = 0; y < down; y += 1) {
      const colour = 3 * Math.round(255 * Math.min(1, Math.max(0, columns[x][y])));
      const pixel = 4 * ((down - 1 - y) * across + x);
      image.data.set(COLOURS.subarray(colour, colour + 3), pixel);
      image.data[pixel + 3] = 255;
    }
  }
  return image;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<ArrayLike<number>>} columns as in {@link heatImage}
 */
export function drawHeat(canvas, columns) {
  const image = heatImage(columns);
  const small = new OffscreenCanvas(image.width, image.height);
  small.getContext("2d")?.putImageData(image, 0, 0);
  const { context, width, height } = prepare(canvas);
  context.drawImage(small, 0, 0, width, height);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} values
 * @param {[number, number]} range shown from the bottom to the top
 */
export function drawCurve(canvas, values, [low, high]) {
  const { context, width, height } = prepare(canvas);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 1.5;
  context.beginPath();
  values.forEach((value, n) => {
    const share = (value - low) / (high - low || 1);
    context.lineTo((width * n) / Math.max(1, values.length - 1), (1 - share) * (height - 4) + 2);
  });
  context.stroke();
}
