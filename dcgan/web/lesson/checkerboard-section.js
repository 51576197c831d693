// Section (c): overlaps that are not even, and the pattern they leave in an image and in its spectrum.

import { latent } from "../random.js";
import { Convolution } from "./convolution.js";
import { $, panel, showNumbers, slider, text } from "./figures.js";
import { checkerboardEnergy, points, spectrum } from "./spectrum.js";
import { repeat, upsample } from "./upsampling.js";

const SIDE = 12; // pixels of the map that is upsampled
const MAPS = 4; // number of maps whose upsampled images are added

/** Return how many copies of the kernel overlap at each pixel, away from the border. */
export function overlaps(kernel, stride) {
  return upsample(new Array(SIDE * SIDE).fill(1), new Array(kernel * kernel).fill(1), stride);
}

/** Return the image of a layer with random weights, without a network around it. */
export function randomLayer(kernel, stride, seed, resized) {
  const random = latent(seed, MAPS * (SIDE * SIDE + kernel * kernel));
  const [size, step] = [SIDE * stride, resized ? 1 : stride];
  const layer = new Convolution({ size, kernel, stride: step, padding: "same" });
  const image = new Array(size * size).fill(0);
  for (let map = 0; map < MAPS; map++) {
    const first = map * (SIDE * SIDE + kernel * kernel);
    const values = Array.from(random.subarray(first, first + SIDE * SIDE), (value) => 1 + 0.3 * value);
    const weights = random.subarray(first + SIDE * SIDE, first + SIDE * SIDE + kernel * kernel);
    const upsampled = layer.transposed(resized ? repeat(values, stride) : values, weights);
    upsampled.forEach((value, index) => (image[index] += value / Math.sqrt(MAPS * kernel * kernel)));
  }
  return image;
}

export function checkerboardSection() {
  const state = { kernel: 3, stride: 2, seed: 0, resized: false };
  const panels = ["Overlapping copies", "A layer with random weights", "Its spectrum, logarithmic"].map((caption) =>
    panel($("c-panels"), caption),
  );
  let frequencies = [];

  function update() {
    const { kernel, stride, seed, resized } = state;
    const side = SIDE * stride;
    const counts = overlaps(kernel, stride);
    showNumbers(panels[0].canvas, counts, side, { limits: [0, Math.ceil(kernel / stride) ** 2] });
    const middle = Math.floor(SIDE / 2) * stride;
    const inside = new Set();
    for (let i = 0; i < stride; i++) for (let j = 0; j < stride; j++) inside.add(counts[(middle + i) * side + middle + j]);
    const found = [...inside].toSorted((a, b) => a - b);
    const isEven = found.length === 1;
    panels[0].note.textContent = isEven
      ? `Every pixel away from the border gets ${found[0]} ${found[0] === 1 ? "copy" : "copies"}: ${kernel} is divisible by ${stride}.`
      : `Pixels get ${found.join(", ")} copies: ${kernel} is not divisible by ${stride}.`;
    const image = randomLayer(kernel, stride, seed, resized);
    showNumbers(panels[1].canvas, image, side);
    const energy = spectrum(image);
    const centered = Array.from(energy, (_, index) => {
      const [row, column] = [Math.floor(index / side), index % side];
      const half = Math.floor(side / 2);
      return Math.log10(1e-3 + energy[((row + half) % side) * side + ((column + half) % side)]);
    });
    showNumbers(panels[2].canvas, centered, side);
    ring(panels[2].canvas, side, stride);
    const share = checkerboardEnergy(energy, stride);
    frequencies = points(side, stride);
    panels[1].note.textContent = resized
      ? `Nearest neighbor, then a ${kernel}×${kernel} convolution with random weights`
      : `A transposed convolution with random weights, kernel ${kernel}, stride ${stride}`;
    panels[2].note.textContent =
      `${text(100 * share, 1)} % of the energy is in the ${frequencies.length} ringed points, ` +
      `the pattern of period ${stride}.`;
  }

  /** Draw a ring around each point of the pattern. */
  function ring(canvas, side, stride) {
    const scale = 6;
    const context = canvas.getContext("2d");
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").drawImage(canvas, 0, 0);
    canvas.width = canvas.height = side * scale;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, side * scale, side * scale);
    context.strokeStyle = "#ff5fa2";
    context.lineWidth = 3;
    const half = Math.floor(side / 2);
    for (const [row, column] of points(side, stride)) {
      context.beginPath();
      const [x, y] = [(column + half) % side, (row + half) % side].map((at) => (at + 0.5) * scale);
      context.arc(x, y, 1.6 * scale, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  const kernel = slider($("c-controls"), "kernel", { min: 2, max: 8, value: 3 }, (value) => {
    state.kernel = value;
    update();
  });
  slider($("c-controls"), "stride", { min: 2, max: 4, value: 2 }, (value) => {
    state.stride = value;
    state.kernel = Math.max(state.kernel, value);
    kernel.set(state.kernel, { min: value });
    update();
  });
  $("c-again").addEventListener("click", () => ((state.seed += 1), update()));
  $("c-resized").addEventListener("change", () => ((state.resized = $("c-resized").checked), update()));
  update();
}
