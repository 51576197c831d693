// Section (f): a digit as a sum of few strokes, found by FISTA while the page shows it.

import { $ } from "../dom.js";
import { digitChoice, panel, showNumbers, slider, text } from "./figures.js";
import { Search, SparseCoding } from "./sparse.js";

const SIDE = 28;
const STEPS = 150; // after which the search ends
const FRAME = 6; // milliseconds for steps in a frame

export function sparseSection(filters, shape, digits) {
  const [kernel, , , count] = shape;
  const coding = new SparseCoding(filters, { kernel, count, side: SIDE });
  const state = { digit: digits[2], weight: 4, shown: 40, search: null };
  const panels = ["Digit", "Sum of strokes", "What is missing"].map((caption) => panel($("f-panels"), caption));
  const tiles = Array.from({ length: count }, (_, index) => {
    const tile = panel($("f-filters"), "");
    const filter = Array.from({ length: kernel * kernel }, (_, tap) => coding.filters[tap * count + index]);
    showNumbers(tile.canvas, filter, kernel, { signed: true });
    return tile;
  });

  /** Return the entries of a code that are not 0, the largest first. */
  const entries = (code) => {
    const found = [];
    code.forEach((value, index) => value && found.push([index, value]));
    return found.toSorted(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  };

  function showCode() {
    const { digit, search, weight } = state;
    const found = entries(search.code);
    const shown = Math.round((found.length * state.shown) / 100);
    const part = new Float64Array(search.code.length);
    for (const [index, value] of found.slice(0, shown)) part[index] = value;
    const whole = coding.decode(search.code);
    const sum = shown < found.length ? coding.decode(part) : whole;
    const residual = digit.map((value, index) => value - whole[index]);
    showNumbers(panels[0].canvas, digit, SIDE, { limits: [0, 1] });
    showNumbers(panels[1].canvas, sum, SIDE, { limits: [0, 1] });
    showNumbers(panels[2].canvas, residual, SIDE, { signed: true, limits: [0, 1] });
    panels[1].note.textContent = `Sum of the ${shown} largest of ${found.length} strokes`;
    const error = residual.reduce((total, value) => total + value ** 2, 0) / digit.reduce((t, v) => t + v ** 2, 0);
    panels[2].note.textContent = `What all strokes leave: ${text(100 * error, 1)} % of the energy`;
    const use = new Float64Array(count);
    for (const [index, value] of found) use[Math.floor(index / (SIDE * SIDE))] += Math.abs(value);
    const total = use.reduce((a, b) => a + b, 0) || 1;
    tiles.forEach(({ note }, index) => (note.textContent = `${text((100 * use[index]) / total, 0)} %`));
    $("f-state").textContent =
      `Step ${search.steps}: ${found.length} of ${search.code.length.toLocaleString("en")} entries are not 0; ` +
      `the objective is ${text(coding.objective(digit, search.code, weight, whole), 3)}.`;
  }

  /** Search anew; with `keep`, from the code that is shown, which is near. */
  function restart(keep) {
    const search = new Search(coding, state.digit, state.weight, keep ? state.search.code : undefined);
    state.search = search;
    const frame = () => {
      if (state.search !== search) return;
      const end = performance.now() + FRAME;
      do search.step();
      while (performance.now() < end && search.steps < STEPS);
      showCode();
      if (search.steps < STEPS) requestAnimationFrame(frame);
    };
    frame();
  }

  const press = digitChoice($("f-digits"), digits, (digit) => ((state.digit = digit), restart(false)));
  const format = (exponent) => text(2 ** exponent, 2);
  slider($("f-controls"), "λ", { min: -3, max: 5, step: 0.25, value: 2, format }, (exponent) => {
    state.weight = 2 ** exponent;
    restart(true);
  });
  slider($("f-controls"), "strokes", { min: 0, max: 100, value: 100, format: (part) => `${part} %` }, (part) => {
    state.shown = part;
    showCode();
  });
  state.shown = 100;
  press(2);
  return coding;
}
