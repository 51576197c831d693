// Section (c): overlaps that are not even, and the pattern they leave in an image and in its spectrum.

import { $ } from "../dom.js";
import { latent } from "../random.js";
import { panel, showNumbers, slider, text } from "./figures.js";
import { checkerboardEnergy, points, spectrum } from "./spectrum.js";
import { afterRepeat, upsample } from "./upsampling.js";

const SIDE = 24; // pixels of an upsampled image, a multiple of every stride
const MAPS = 4; // number of maps whose upsampled images are added

/** Return how many copies of the kernel overlap at each pixel. */
export function overlaps(kernel, stride) {
  return upsample(new Array((SIDE / stride) ** 2).fill(1), new Array(kernel * kernel).fill(1), stride);
}

/** Return the image of a layer with random weights, without a network around it. */
export function randomLayer(kernel, stride, seed, resized) {
  const [pixels, taps] = [(SIDE / stride) ** 2, kernel * kernel];
  const random = latent(seed, MAPS * (pixels + taps));
  const image = new Array(SIDE * SIDE).fill(0);
  for (let map = 0; map < MAPS; map++) {
    const own = random.subarray(map * (pixels + taps), (map + 1) * (pixels + taps));
    const values = Array.from(own.subarray(0, pixels), (value) => 1 + 0.3 * value);
    const weights = Array.from(own.subarray(pixels));
    const upsampled = upsample(values, resized ? afterRepeat(weights, stride) : weights, stride);
    upsampled.forEach((value, index) => (image[index] += value / Math.sqrt(MAPS * taps)));
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
    const counts = overlaps(kernel, stride);
    showNumbers(panels[0].canvas, counts, SIDE, { limits: [0, Math.ceil(kernel / stride) ** 2] });
    const middle = Math.floor(SIDE / stride / 2) * stride;
    const inside = new Set();
    for (let i = 0; i < stride; i++) for (let j = 0; j < stride; j++) inside.add(counts[(middle + i) * SIDE + middle + j]);
    const found = [...inside].toSorted((a, b) => a - b);
    const isEven = found.length === 1;
    panels[0].note.textContent = isEven
      ? `Every pixel away from the border gets ${found[0]} ${found[0] === 1 ? "copy" : "copies"}: ${kernel} is divisible by ${stride}.`
      : `Pixels get ${found.join(", ")} copies: ${kernel} is not divisible by ${stride}.`;
    const image = randomLayer(kernel, stride, seed, resized);
    showNumbers(panels[1].canvas, image, SIDE);
    const energy = spectrum(image);
    const centered = Array.from(energy, (_, index) => {
      const [row, column] = [Math.floor(index / SIDE) + SIDE / 2, index + SIDE / 2];
      return Math.log10(1e-3 + energy[(row % SIDE) * SIDE + (column % SIDE)]);
    });
    showNumbers(panels[2].canvas, centered, SIDE);
    ring(panels[2].canvas, stride);
    const share = checkerboardEnergy(energy, stride);
    frequencies = points(SIDE, stride);
    panels[1].note.textContent = resized
      ? `Nearest neighbor, then a ${kernel}×${kernel} convolution with random weights`
      : `A transposed convolution with random weights, kernel ${kernel}, stride ${stride}`;
    panels[2].note.textContent =
      `${text(100 * share, 1)} % of the energy is in the ${frequencies.length} ringed points, ` +
      `the pattern of period ${stride}.`;
  }

  /** Draw a ring around each point of the pattern. */
  function ring(canvas, stride) {
    const scale = 6;
    const context = canvas.getContext("2d");
    const small = new OffscreenCanvas(SIDE, SIDE);
    small.getContext("2d").drawImage(canvas, 0, 0);
    canvas.width = canvas.height = SIDE * scale;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    context.strokeStyle = "#ff5fa2";
    context.lineWidth = 3;
    for (const [row, column] of points(SIDE, stride)) {
      context.beginPath();
      const [x, y] = [column, row].map((at) => (((at + SIDE / 2) % SIDE) + 0.5) * scale);
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
