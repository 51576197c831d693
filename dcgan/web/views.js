// The views of a generator: a grid of seeds, one large image, a walk, arithmetic, and the search for a drawing.

import { setUpArithmetic } from "./arithmetic.js";
import { show } from "./canvas.js";
import { $, element } from "./dom.js";
import { setUpDrawing } from "./drawing.js";
import { Grid } from "./grid.js";
import { setUpWalk } from "./walk.js";

const GRID = 64;

/**
 * Set up all views, which `views.html` has the elements of.
 * @param {import("./selection.js").Selection} selection - what they show.
 * @param {() => void} changed - called when another image is shown large.
 * @returns {(model: import("./model.js").Model) => void} a function that lets them show another model.
 */
export function setUpViews(selection, changed = () => {}) {
  const image = setUpImage(selection, changed);
  const walk = setUpWalk(selection);
  const arithmetic = setUpArithmetic(selection);
  const grid = setUpGrid(selection, (seed) => {
    if (arithmetic.pick(seed)) return;
    selection.seed = seed;
    image.show();
  });
  const drawing = setUpDrawing(selection);
  const showAll = () => [grid, image, walk, arithmetic].forEach((view) => view.show());
  const setUp = () => {
    setUpClasses(selection, showAll);
    image.setUpDirections();
    drawing.setUp();
    showAll();
  };
  setUp();
  return (model) => {
    selection.use(model);
    setUp();
  };
}

function setUpGrid(selection, choose) {
  const grid = new Grid($("grid"), GRID, choose);
  const turn = (first) => {
    const last = Number.MAX_SAFE_INTEGER - GRID;
    selection.first = Math.min(last, Math.max(0, Math.floor(first) || 0));
    $("first").value = selection.first;
    grid.show(selection);
  };
  $("previous").addEventListener("click", () => turn(selection.first - GRID));
  $("next").addEventListener("click", () => turn(selection.first + GRID));
  $("first").addEventListener("change", () => turn(Number($("first").value)));
  return { show: () => grid.show(selection) };
}

function setUpClasses(selection, showAll) {
  const { classes } = selection.model;
  $("classes").hidden = !classes.labeled;
  const choices = classes.labeled ? [[null, "each seed's"], ...classes.names.entries()] : [];
  const buttons = choices.map(([label, name]) => {
    const button = element("button", { type: "button", textContent: name });
    button.setAttribute("aria-pressed", label === selection.label);
    button.addEventListener("click", () => {
      selection.label = label;
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      showAll();
    });
    return button;
  });
  $("classes").replaceChildren("class ", ...buttons);
}

function setUpImage(selection, changed) {
  const showImage = () => {
    const name = selection.describeCurrent();
    show($("image"), selection.model.image(selection.current()));
    $("image").setAttribute("aria-label", `Generated image of ${name}`);
    $("image-name").textContent = name;
    changed();
  };
  const setUpDirections = () => {
    const labels = selection.model.directions.map(({ name }, index) => {
      const slider = element("input", { type: "range", min: -4, max: 4, step: 0.1, value: 0 });
      slider.addEventListener("input", () => {
        selection.amounts[index] = Number(slider.value);
        showImage();
      });
      return element("label", {}, `${name} `, slider);
    });
    $("directions").replaceChildren(...labels);
  };
  $("reset").addEventListener("click", () => {
    selection.amounts.fill(0);
    for (const slider of $("directions").querySelectorAll("input")) slider.value = 0;
    showImage();
  });
  $("download").addEventListener("click", () => {
    const name = `${selection.model.content.name}-seed-${selection.seed}.png`;
    $("image").toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
  return { show: showImage, setUpDirections };
}
