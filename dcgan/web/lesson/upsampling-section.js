// Section (b): methods of upsampling, where they are equal, and the switches of max-pooling.

import { $ } from "../dom.js";
import { choice, digitChoice, panel, showNumbers, slider, text } from "./figures.js";
import * as upsampling from "./upsampling.js";

const STOPS = Object.keys(upsampling.KERNELS);
const EQUAL = 1e-9;

/** Return the kernel at a place between the stops: 0 is the first of them, 1 the second one. */
function kernelAt(position) {
  const index = Math.min(STOPS.length - 2, Math.floor(position));
  const [from, to] = [upsampling.KERNELS[STOPS[index]], upsampling.KERNELS[STOPS[index + 1]]];
  return from.map((value, at) => value + (position - index) * (to[at] - value));
}

export function upsamplingSection(digits) {
  const state = { digit: digits[5], position: 0, switches: 0, spread: 0 };
  const panels = Object.fromEntries(
    [
      ["transposed", "Transposed convolution"],
      ["insertion", "Zero insertion and convolution"],
      ["subpixel", "Sub-pixel: four small convolutions, interleaved"],
      ["nearest", "Nearest neighbor"],
      ["unpooled", "Max-unpooling"],
    ].map(([key, caption]) => [key, { caption, ...panel($("b-methods"), caption) }]),
  );
  const kernelPanel = panel($("b-kernel"), "Kernel");
  const pooling = Object.fromEntries(
    [
      ["digit", "Digit, 28×28"],
      ["pooled", "Pooled, 14×14"],
      ["switches", "Switches"],
      ["carried", "Carried back"],
    ].map(([key, caption]) => [key, panel($("b-pooling"), caption)]),
  );
  const spreading = panel($("b-spread"), "");

  function update() {
    const { pooled, switches } = upsampling.maxPool(state.digit, 2);
    const kernel = kernelAt(state.position);
    const corner = pooled.map((_, index) => Math.floor(index / 14) * 56 + (index % 14) * 2);
    const chosen = state.switches ? corner : switches;
    const images = {
      transposed: upsampling.upsample(pooled, kernel, 2),
      insertion: upsampling.insertZerosAndConvolve(pooled, kernel, 2),
      subpixel: upsampling.convolveAndInterleave(pooled, kernel, 2),
      nearest: upsampling.repeat(pooled, 2),
      unpooled: upsampling.maxUnpool(pooled, chosen, 28),
    };
    for (const [key, image] of Object.entries(images)) {
      const { canvas, note, caption } = panels[key];
      showNumbers(canvas, image, 28, { limits: [0, 1] });
      if (key === "transposed") continue;
      const difference = Math.max(...image.map((value, index) => Math.abs(value - images.transposed[index])));
      note.textContent = `${caption}: ${difference < EQUAL ? "equal" : `differs by up to ${text(difference)}`}`;
      canvas.parentElement.classList.toggle("equal", difference < EQUAL);
    }
    showNumbers(kernelPanel.canvas, kernel, 4, { signed: true, limits: [0, 1] });
    kernelPanel.note.textContent = `Kernel: ${STOPS[state.position] ?? "between two methods"}`;
    showNumbers(pooling.digit.canvas, state.digit, 28, { limits: [0, 1] });
    showNumbers(pooling.pooled.canvas, pooled, 14, { limits: [0, 1] });
    const marks = new Array(28 * 28).fill(0);
    for (const index of chosen) marks[index] = 1;
    showNumbers(pooling.switches.canvas, marks, 28, { limits: [0, 1] });
    showNumbers(pooling.carried.canvas, images.unpooled, 28, { limits: [0, 1] });
    const kept = images.unpooled.filter((value, index) => value > 0 && value === state.digit[index]).length;
    const ink = state.digit.filter((value) => value > 0).length;
    $("b-kept").textContent = `${kept} of the digit's ${ink} pixels of ink are at their place with their value.`;
    showSpread();
  }

  /** Zero insertion as a movement: the pixels of a small image move apart, then each becomes a copy of the kernel. */
  function showSpread() {
    const [cells, scale] = [5, 40];
    const part = Array.from({ length: cells * cells }, (_, index) => {
      return upsampling.maxPool(state.digit, 2).pooled[(5 + Math.floor(index / cells)) * 14 + 4 + (index % cells)];
    });
    const [apart, stamped] = [Math.min(1, state.spread), Math.max(0, state.spread - 1)];
    const kernel = kernelAt(state.position).map((weight, at) => (1 - stamped) * Number(at === 5) + stamped * weight);
    const context = spreading.canvas.getContext("2d");
    const side = (2 * cells + 2) * scale;
    const margin = ((1 - apart) * (cells + 2) * scale) / 2;
    spreading.canvas.width = spreading.canvas.height = side;
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    context.globalCompositeOperation = "lighter";
    part.forEach((value, index) => {
      kernel.forEach((weight, at) => {
        const distance = scale * (1 + apart);
        const left = (index % cells) * distance + (at % 4) * scale * apart + margin;
        const top = Math.floor(index / cells) * distance + Math.floor(at / 4) * scale * apart + margin;
        const gray = Math.round(255 * value * weight);
        context.fillStyle = `rgb(${gray} ${gray} ${gray})`;
        if (gray > 0) context.fillRect(left + 1, top + 1, scale - 2, scale - 2);
      });
    });
    context.globalCompositeOperation = "source-over";
    spreading.note.textContent =
      state.spread <= 0
        ? "25 pixels from the middle of the pooled digit"
        : state.spread <= 1
          ? "They move apart: zeros are inserted"
          : "Each becomes a copy of the kernel, and copies add up";
  }

  const pressDigit = digitChoice($("b-digits"), digits, (digit) => ((state.digit = digit), update()));
  slider(
    $("b-morph"),
    "kernel",
    { min: 0, max: 2, step: 0.05, value: 0, format: (at) => STOPS[at] ?? `between ${STOPS[Math.floor(at)]} and ${STOPS[Math.ceil(at)]}` },
    (position) => ((state.position = position), update()),
  );
  slider($("b-spread-controls"), "time", { min: 0, max: 2, step: 0.02, value: 0, format: () => "" }, (spread) => {
    state.spread = spread;
    showSpread();
  });
  const press = choice(
    $("b-switches"),
    ["switches of the digit", "all switches upper left"],
    (index) => ((state.switches = index), update()),
    "Switches",
  );
  press(0);
  pressDigit(5);
}
