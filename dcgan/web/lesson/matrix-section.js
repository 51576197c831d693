// Section (a): a convolution and its transpose as sums and as matrices.

import { $, element } from "../dom.js";
import { Convolution } from "./convolution.js";
import { choice, Grid, MatrixView, slider, text } from "./figures.js";

const PRESETS = {
  numbers: (kernel) => Array.from({ length: kernel * kernel }, (_, index) => index + 1),
  ones: (kernel) => Array(kernel * kernel).fill(1),
  edge: (kernel) => Array.from({ length: kernel * kernel }, (_, index) => Math.sign((index % kernel) - (kernel - 1) / 2)),
  tent: (kernel) => {
    const tent = (index) => Math.min(index, kernel - 1 - index) + 1;
    return Array.from({ length: kernel * kernel }, (_, index) => tent(Math.floor(index / kernel)) * tent(index % kernel));
  },
};

const PADDINGS = ["valid", "same", 1, 2, 3, 4];
const TERMS = 10; // of a sum that are written out

export function matrixSection() {
  const state = { size: 4, kernel: 3, stride: 1, padding: "valid", weights: PRESETS.numbers(3), x: [], y: [], at: 0 };
  const rerender = () => (update(), point(0), pointTransposed({ input: 0 }));
  let convolution;

  const x = new Grid($("a-x"), { name: "x", onEdit: (index, value) => ((state.x[index] = value), rerender()) });
  const weights = new Grid($("a-w"), {
    name: "kernel",
    onEdit: (index, value) => ((state.weights[index] = value), rerender()),
  });
  const y = new Grid($("a-y"), { name: "y", onPoint: (index) => point(index) });
  const C = new MatrixView($("a-C"), (row) => point(row));
  const small = new Grid($("a-small"), {
    name: "y",
    onEdit: (index, value) => ((state.y[index] = value), rerender()),
    onPoint: (input) => pointTransposed({ input }),
  });
  const shared = new Grid($("a-shared"), { name: "kernel", onPoint: () => {} });
  const large = new Grid($("a-large"), { name: "result", onPoint: (output) => pointTransposed({ output }) });
  const transposed = new MatrixView($("a-Ct"), (output, input) => pointTransposed({ input, output }));
  let counted = false;

  /** The larger the padding, the more kernels it fits; a padding as large as the kernel has outputs of zeros alone. */
  const paddings = () => PADDINGS.filter((padding) => typeof padding === "string" || padding < state.kernel);

  const controls = {
    size: slider($("a-controls"), "image", { min: 2, max: 8, value: state.size }, (size) => change({ size })),
    kernel: slider($("a-controls"), "kernel", { min: 1, max: 5, value: state.kernel }, (kernel) => change({ kernel })),
    stride: slider($("a-controls"), "stride", { min: 1, max: 3, value: state.stride }, (stride) => change({ stride })),
    padding: slider(
      $("a-controls"),
      "padding",
      { min: 0, max: 5, value: 0, format: (index) => String(PADDINGS[index]) },
      (index) => change({ padding: PADDINGS[index] }),
    ),
  };

  const fill = (values, count, value) => Array.from({ length: count }, (_, index) => values[index] ?? value(index));

  function change(changes) {
    const before = state.kernel;
    Object.assign(state, changes);
    if (state.kernel > state.size) {
      if (changes.kernel) state.size = state.kernel;
      else state.kernel = state.size;
    }
    if (!paddings().includes(state.padding)) state.padding = paddings().at(-1);
    if (state.kernel !== before) state.weights = PRESETS[state.preset ?? "numbers"](state.kernel);
    if (changes.size || state.x.length !== state.size ** 2) state.x = [];
    for (const name of ["size", "kernel", "stride"]) controls[name].set(state[name]);
    controls.padding.set(PADDINGS.indexOf(state.padding), { max: paddings().length - 1 });
    state.y = [];
    rerender();
  }

  function update() {
    convolution = new Convolution(state);
    state.x = fill(state.x, state.size ** 2, (index) => (index * 7) % 5);
    const outputs = convolution.outputs ** 2;
    state.y = fill(state.y, outputs, (index) => (index % 3) + 1);
    x.set(state.x);
    weights.set(state.weights);
    shared.set(state.weights);
    y.set(convolution.forward(state.x, state.weights));
    C.set(convolution.matrix(state.weights));
    small.set(state.y);
    showLarge();
    const rows = convolution.matrix(state.weights);
    transposed.set(rows[0].map((_, column) => rows.map((row) => row[column])));
    $("a-shape").textContent =
      `C has ${outputs} rows, one per output, and ${state.size ** 2} columns, one per pixel of x; ` +
      `${convolution.rows.flat().length} of its ${outputs * state.size ** 2} entries hold a weight.`;
  }

  /** Show the result of the transposed convolution, or how many products each of its pixels sums. */
  function showLarge() {
    large.set(
      counted
        ? convolution.columns.map((products) => products.length)
        : convolution.transposed(state.y, state.weights),
    );
  }

  /** Write a sum with its first terms. */
  function formula(host, name, factors, result) {
    const terms = factors.slice(0, TERMS).map(([a, b]) => `${text(a)}·${text(b)}`);
    if (factors.length > TERMS) terms.push("…");
    host.replaceChildren(element("b", { textContent: name }), ` = ${terms.join(" + ") || "0"} = ${text(result, 4)}`);
  }

  function point(output) {
    const products = convolution.rows[output];
    y.mark([output]);
    x.mark(products.map(({ input }) => input));
    weights.mark(products.map(({ weight }) => weight));
    C.frame({ row: output });
    const factors = products.map(({ input, weight }) => [state.x[input], state.weights[weight]]);
    formula($("a-formula"), `y${subscript(output)}`, factors, convolution.forward(state.x, state.weights)[output]);
  }

  /** Light up the stamp of an input, or the inputs that an output sums, or one product. */
  function pointTransposed({ input, output }) {
    small.mark(output === undefined || input !== undefined ? [input] : convolution.columns[output].map((p) => p.output));
    if (output === undefined) {
      const products = convolution.rows[input];
      large.mark(products.map((product) => product.input));
      shared.mark(products.map(({ weight }) => weight));
      transposed.frame({ column: input });
      $("a-stamp").textContent =
        `Input ${input + 1} has the value ${text(state.y[input])}. It adds ${text(state.y[input])} times the kernel ` +
        `to ${products.length} pixels, ${state.stride === 1 ? "1 pixel" : `${state.stride} pixels`} further than the input before it.`;
      return;
    }
    const products = convolution.columns[output];
    large.mark([output]);
    shared.mark(products.map(({ weight }) => weight));
    transposed.frame({ row: output, column: input });
    const factors = products.map((product) => [state.y[product.output], state.weights[product.weight]]);
    const result = convolution.transposed(state.y, state.weights)[output];
    formula($("a-stamp"), `(Cᵀy)${subscript(output)}`, factors, result);
    $("a-stamp").append(`, ${products.length} overlapping ${products.length === 1 ? "copy" : "copies"}`);
  }

  choice(
    $("a-presets"),
    Object.keys(PRESETS),
    (index) => {
      state.preset = Object.keys(PRESETS)[index];
      state.weights = PRESETS[state.preset](state.kernel);
      rerender();
    },
    "Kernel",
  );
  $("a-counts").addEventListener("change", () => {
    counted = $("a-counts").checked;
    showLarge();
  });
  rerender();
}

/** Return a number as subscript digits, counted from 1. */
function subscript(index) {
  return String(index + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
}
