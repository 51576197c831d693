// The page of one generator: a grid of seeds, one large image, a walk, arithmetic, and the search for a drawing.

import { drawable, read, show } from "./canvas.js";
import { combine, mix, move, slerp } from "./latents.js";
import { decodeBase64, Model } from "./model.js";
import { project } from "./project.js";

const GRID = 64;
const MAX_DIFFERENCE = 3; // in 1/255, for weights in float16
const $ = (id) => document.getElementById(id);

const content = JSON.parse($("content").textContent);
const model = new Model(content, decodeBase64($("weights").textContent.trim()));

/** Make an element with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const state = { first: 0, seed: 0, label: null, amounts: model.directions.map(() => 0), picking: null };

/** Return the point that is shown large: that of the seed, moved along the directions. */
function current() {
  const { latent, classInput } = model.point(state.seed, state.label);
  const directions = model.directions.map(({ values }) => values);
  return { latent: move(latent, directions, state.amounts), classInput };
}

function describe(seed, label) {
  const name = model.classes.names[label ?? model.classes.labelOf(seed)];
  return model.classes.labeled ? `seed ${seed}, class ${name}` : `seed ${seed}`;
}

function showCurrent() {
  show($("image"), model.image(current()));
  const moved = state.amounts.some(Boolean) ? ", moved" : "";
  $("image").setAttribute("aria-label", `Generated image of ${describe(state.seed, state.label)}${moved}`);
  $("image-name").textContent = `${describe(state.seed, state.label)}${moved}`;
}

function showGrid() {
  const tiles = [...$("grid").children];
  let index = 0;
  const generation = (showGrid.generation = (showGrid.generation ?? 0) + 1);
  const next = () => {
    const end = performance.now() + 12; // a frame
    while (index < tiles.length && performance.now() < end && generation === showGrid.generation) {
      const seed = state.first + index;
      show(tiles[index].firstChild, model.image(model.point(seed, state.label)));
      tiles[index].setAttribute("aria-label", describe(seed, state.label));
      tiles[index].title = describe(seed, state.label);
      index += 1;
    }
    if (index < tiles.length && generation === showGrid.generation) requestAnimationFrame(next);
  };
  next();
}

function setUpGrid() {
  for (let index = 0; index < GRID; index++) {
    const tile = element("button", { type: "button" }, element("canvas"));
    tile.addEventListener("click", () => {
      if (state.picking !== null) return pick(state.first + index);
      state.seed = state.first + index;
      showCurrent();
    });
    $("grid").append(tile);
  }
  const turn = (first) => {
    const last = Number.MAX_SAFE_INTEGER - GRID;
    state.first = Math.min(last, Math.max(0, Math.floor(first) || 0));
    $("first").value = state.first;
    showGrid();
  };
  $("previous").addEventListener("click", () => turn(state.first - GRID));
  $("next").addEventListener("click", () => turn(state.first + GRID));
  $("first").addEventListener("change", () => turn(Number($("first").value)));
}

function setUpClasses() {
  $("classes").hidden = !model.classes.labeled;
  if (!model.classes.labeled) return;
  const choose = (label, button) => {
    state.label = label;
    for (const other of $("classes").querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
    showGrid();
    showCurrent();
    showArithmetic();
    showWalk();
  };
  for (const [label, name] of [[null, "each seed's"], ...model.classes.names.entries()]) {
    const button = element("button", { type: "button", textContent: name });
    button.setAttribute("aria-pressed", label === null);
    button.addEventListener("click", () => choose(label, button));
    $("classes").append(button);
  }
}

function setUpDirections() {
  model.directions.forEach(({ name }, index) => {
    const slider = element("input", { type: "range", min: -4, max: 4, step: 0.1, value: 0 });
    slider.addEventListener("input", () => {
      state.amounts[index] = Number(slider.value);
      showCurrent();
    });
    $("directions").append(element("label", {}, `${name} `, slider));
  });
  $("reset").addEventListener("click", () => {
    state.amounts.fill(0);
    for (const slider of $("directions").querySelectorAll("input")) slider.value = 0;
    showCurrent();
  });
}

function setUpDownload() {
  $("download").addEventListener("click", () => {
    const name = `${content.name}-seed-${state.seed}.png`;
    $("image").toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
}

function showWalk() {
  const [a, b] = [$("from"), $("to")].map((input) => model.point(Math.max(0, Math.floor(Number(input.value))), state.label));
  const t = Number($("position").value);
  const classInput = mix(a.classInput, b.classInput, t);
  show($("walk"), model.image({ latent: slerp(a.latent, b.latent, t), classInput }));
}

function setUpWalk() {
  for (const id of ["from", "to", "position"]) $(id).addEventListener("input", showWalk);
  let running = false;
  $("play").addEventListener("click", () => {
    running = !running;
    $("play").textContent = running ? "Stop" : "Play";
    const begin = performance.now() - 1000 * Math.asin(2 * Number($("position").value) - 1);
    const frame = (now) => {
      if (!running) return;
      $("position").value = (1 + Math.sin((now - begin) / 1000)) / 2;
      showWalk();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

const terms = [0, 1, 2];

function showArithmetic() {
  const points = terms.map((seed) => model.point(seed, state.label));
  points.forEach((point, index) => {
    show($(`term-${index}`).firstChild, model.image(point));
    const label = `Term ${index + 1}: ${describe(terms[index], state.label)}. Choose another image.`;
    $(`term-${index}`).setAttribute("aria-label", label);
    $(`term-${index}`).setAttribute("aria-pressed", state.picking === index);
  });
  const [a, b, c] = points;
  show($("sum"), model.image({ latent: combine(a.latent, b.latent, c.latent), classInput: a.classInput }));
}

function pick(seed) {
  terms[state.picking] = seed;
  state.picking = state.picking < 2 ? state.picking + 1 : null;
  showArithmetic();
}

function setUpArithmetic() {
  terms.forEach((_, index) => {
    $(`term-${index}`).append(element("canvas"));
    $(`term-${index}`).addEventListener("click", () => {
      state.picking = state.picking === index ? null : index;
      showArithmetic();
    });
  });
}

function setUpDrawing() {
  const canvas = $("drawing");
  const aspect = model.shape.width / model.shape.height;
  [canvas.width, canvas.height] = aspect > 1 ? [280, Math.round(280 / aspect)] : [Math.round(280 * aspect), 280];
  const isGray = model.shape.channels === 1;
  $("color-label").hidden = isGray;
  const clear = drawable(canvas, {
    background: isGray ? "#000" : "#fff",
    color: () => (isGray ? "#fff" : $("color").value),
    size: () => (canvas.width * Number($("pen").value)) / 100,
  });
  const search = async () => {
    $("search").disabled = true;
    const target = read(canvas, model.shape);
    let shown = 0;
    const best = await project(model, target, { seconds: 3 }, async (best) => {
      if (performance.now() - shown < 60) return true;
      shown = performance.now();
      show($("found"), model.image(best));
      $("error").textContent = `mean squared error ${best.error.toFixed(4)}`;
      await new Promise(requestAnimationFrame);
      return true;
    });
    show($("found"), model.image(best));
    $("error").textContent = `mean squared error ${best.error.toFixed(4)}`;
    $("search").disabled = false;
  };
  const open = async (file) => {
    try {
      const image = await createImageBitmap(file);
      const context = canvas.getContext("2d");
      const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    } catch {
      $("error").textContent = `${file.name} is not an image that this browser can read.`;
      return;
    }
    await search();
  };
  canvas.addEventListener("pointerup", search);
  $("search").addEventListener("click", search);
  $("clear").addEventListener("click", clear);
  $("file").addEventListener("change", () => $("file").files.length && open($("file").files[0]));
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
  show($("found"), model.image(model.point(0)));
}

function selfCheck() {
  const difference = model.selfCheck();
  const passed = difference <= MAX_DIFFERENCE;
  document.documentElement.dataset.maxDifference = difference;
  document.documentElement.dataset.selfCheck = passed ? "passed" : "failed";
  $("status").textContent = passed
    ? `This page generates the images of the Python program: they differ by at most ${difference} of 255 gray levels.`
    : `This browser generates other images than the Python program: they differ by ${difference} of 255 gray levels.`;
}

setUpGrid();
setUpClasses();
setUpDirections();
setUpDownload();
setUpWalk();
setUpArithmetic();
setUpDrawing();
showGrid();
showCurrent();
showWalk();
showArithmetic();

window.dcgan = {
  /** Generate the image that `python generate.py` writes for a seed; the class is that of the seed by default. */
  generate: async (seed, classIndex = null) => model.image(model.point(seed, classIndex)),
  /** Search the latent of an image, float32 in [-1, 1]; see project.js. */
  project: (target, options) => project(model, target, options),
};
selfCheck();
