// Section (e): the deconvnet of a discriminator's feature map, and the label map of a fully convolutional network.

import { drawable, read, show } from "../canvas.js";
import { $, element } from "../dom.js";
import { digitChoice, everyFrame, panel, showNumbers, text } from "./figures.js";
import { labels, RULES, Segmenter, upsampleMap } from "./network.js";

const LAYERS = { leaky_0: "16 maps of 14×14", leaky_1: "32 maps of 7×7" };
const DIGIT = { height: 28, width: 28, channels: 1 };
/** Colors of the labels: the background, then the digits from 0 to 9. */
const COLORS = ["#000000", "#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#ff9da7", "#b8886b", "#d4ccc6"];
const rgb = COLORS.map((color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)));

/** Return the values of one channel of a map. */
export function channelOf({ shape: [, , channels], values }, channel) {
  return Array.from({ length: values.length / channels }, (_, index) => values[index * channels + channel]);
}

/** Return a signal of 1 at the most active unit of a channel, and 0 elsewhere. */
export function unitSignal(map, channel) {
  const values = channelOf(map, channel);
  const signal = new Float32Array(map.values.length);
  signal[values.indexOf(Math.max(...values)) * map.shape[2] + channel] = 1;
  return signal;
}

export function deconvnetSection(discriminator, digits) {
  const state = { image: digits[3], layer: "leaky_1", channel: 0, outputs: null };
  const drawing = panel($("e-drawing"), "Draw a digit");
  Object.assign(drawing.canvas, { width: 280, height: 280 });
  drawing.canvas.classList.add("drawing");
  const pen = { background: "#000", color: () => "#fff", size: () => 24 };
  const clear = drawable(drawing.canvas, pen);
  const projections = Object.keys(RULES).map((rule) => panel($("e-projections"), rule));
  const maps = Object.fromEntries(
    Object.entries(LAYERS).map(([layer, caption]) => {
      const host = element("div", { className: "maps" });
      $("e-maps").append(element("p", { textContent: `${caption}, stage ${Number(layer.at(-1)) + 1}` }), host);
      const { shape } = discriminator.layers.find(({ name }) => name === layer).layer;
      const buttons = Array.from({ length: shape[2] }, (_, channel) => {
        const button = element("button", { type: "button" }, element("canvas"));
        button.setAttribute("aria-label", `Map ${channel} of stage ${Number(layer.at(-1)) + 1}`);
        button.addEventListener("click", () => (Object.assign(state, { layer, channel }), project()));
        host.append(button);
        return button;
      });
      return [layer, buttons];
    }),
  );

  function update() {
    state.outputs = discriminator.forward(state.image.map((value) => 2 * value - 1));
    for (const [layer, buttons] of Object.entries(maps)) {
      const map = state.outputs[layer];
      const largest = map.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      buttons.forEach((button, channel) => {
        showNumbers(button.firstChild, channelOf(map, channel), map.shape[1], { signed: true, limits: [0, largest] });
      });
    }
    project();
  }

  function project() {
    const { layer, channel, outputs } = state;
    const signal = unitSignal(outputs[layer], channel);
    Object.keys(RULES).forEach((rule, index) => {
      showNumbers(projections[index].canvas, discriminator.project(signal, layer, rule), 28, { signed: true });
    });
    const unit = Math.floor(signal.indexOf(1) / outputs[layer].shape[2]);
    const width = outputs[layer].shape[1];
    $("e-unit").textContent =
      `Map ${channel} of stage ${Number(layer.at(-1)) + 1}: its most active unit, ` +
      `row ${Math.floor(unit / width) + 1}, column ${(unit % width) + 1}, ` +
      `has the activation ${text(outputs[layer].values[signal.indexOf(1)])}.`;
    for (const [name, buttons] of Object.entries(maps)) {
      buttons.forEach((button, at) => button.setAttribute("aria-pressed", name === layer && at === channel));
    }
  }

  const drawn = everyFrame(() => {
    state.image = Array.from(read(drawing.canvas, DIGIT), (value) => (value + 1) / 2);
    update();
  });
  drawing.canvas.addEventListener("pointermove", (event) => event.buttons && drawn());
  drawing.canvas.addEventListener("pointerup", drawn);
  $("e-clear").addEventListener("click", () => (clear(), drawn()));
  const press = digitChoice($("e-digits"), digits, (digit) => {
    state.image = digit;
    paint(drawing.canvas, digit, 28);
    update();
  });
  press(3);
  const { shape, values } = state.outputs[state.layer];
  state.channel = values.indexOf(Math.max(...values)) % shape[2]; // the most active map
  project();
}

/** Draw gray levels on a canvas, over its whole area. */
function paint(canvas, values, width) {
  const small = element("canvas");
  showNumbers(small, values, width, { limits: [0, 1] });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

export function segmentationSection(content, scene) {
  const side = Math.sqrt(scene.length);
  const segmenter = new Segmenter(content, [side, side, 1]);
  const drawing = panel($("e-scene"), "A scene with digits; draw more");
  Object.assign(drawing.canvas, { width: 2 * side, height: 2 * side });
  drawing.canvas.classList.add("drawing");
  const clear = drawable(drawing.canvas, { background: "#000", color: () => "#fff", size: () => 14 });
  const panels = segmenter.strides.map((stride) => panel($("e-labels"), `Stride ${stride}`));
  COLORS.slice(1).forEach((color, digit) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.backgroundColor = color;
    $("e-legend").append(element("span", {}, swatch, ` ${digit} `));
  });

  let scores = null;
  let next = 0; // the label map to show in the next frame: one per frame, since all of them would take too long
  let outdated = 0;
  const showNext = () => {
    const stride = segmenter.strides[next];
    const found = labels(upsampleMap(scores[stride], stride));
    const data = new Uint8Array(3 * found.length);
    found.forEach((label, pixel) => data.set(rgb[label], 3 * pixel));
    show(panels[next].canvas, { width: side, height: side, channels: 3, data });
    next = (next + 1) % panels.length;
    outdated -= 1;
    if (outdated) requestAnimationFrame(showNext);
  };
  const update = everyFrame(() => {
    scores = segmenter.forward(read(drawing.canvas, { height: side, width: side, channels: 1 }));
    const waits = outdated > 0;
    outdated = panels.length;
    if (!waits) requestAnimationFrame(showNext);
  });
  drawing.canvas.addEventListener("pointermove", (event) => event.buttons && update());
  drawing.canvas.addEventListener("pointerup", update);
  $("e-scene-clear").addEventListener("click", () => (clear(), update()));
  const restore = () => (paint(drawing.canvas, scene, side), update());
  $("e-scene-again").addEventListener("click", restore);
  restore();
  return segmenter;
}
