// Section (d): gradient descent through a transposed convolution. Forward Cᵀ, backward C, with the same matrix.

import { $ } from "../dom.js";
import { Convolution } from "./convolution.js";
import { Grid, MatrixView, text } from "./figures.js";

const OPTIONS = { size: 7, kernel: 3, stride: 2, padding: "valid" };
const WEIGHTS = [0.5, 1, 0.5, 1, 2, 1, 0.5, 1, 0.5].map((weight) => weight / 2);
const RATE = 0.3;
const CROSS = Array.from({ length: 49 }, (_, at) => Number(at % 7 === Math.floor(at / 7) || at % 7 === 6 - Math.floor(at / 7)));
const DIFFERENCE = 1e-3;

/** Return image, residual, loss ½‖Cᵀz − t‖² and its gradient with respect to z. */
export function backpropagate(operator, weights, z, target) {
  const image = operator.transposed(z, weights);
  const residual = image.map((value, index) => value - target[index]);
  const loss = residual.reduce((sum, value) => sum + value ** 2, 0) / 2;
  return { image, residual, loss, gradient: operator.forward(residual, weights) };
}

export function backpropagationSection() {
  const operator = new Convolution(OPTIONS);
  const rows = operator.matrix(WEIGHTS);
  const start = () => new Array(operator.outputs ** 2).fill(0);
  const state = { z: start(), target: [...CROSS], losses: [], at: 4, running: false };
  const grids = {
    z: new Grid($("d-z"), { name: "z", onPoint: (index) => point(index) }),
    image: new Grid($("d-image"), { name: "image" }),
    target: new Grid($("d-target"), { name: "target", onPoint: () => {} }),
    residual: new Grid($("d-residual"), { name: "image minus target" }),
    gradient: new Grid($("d-gradient"), { name: "gradient", onPoint: (index) => point(index) }),
  };
  const forward = new MatrixView($("d-Ct"), (_, column) => point(column));
  const backward = new MatrixView($("d-C"), (row) => point(row));
  forward.set(rows[0].map((_, column) => rows.map((row) => row[column])));
  backward.set(rows);

  function update() {
    const { image, residual, loss, gradient } = backpropagate(operator, WEIGHTS, state.z, state.target);
    for (const [name, values] of Object.entries({ ...state, image, residual, gradient })) grids[name]?.set(values);
    $("d-loss").textContent = `Step ${state.losses.length}: half the squared error is ${text(loss, 4)}.`;
    point(state.at);
    return { loss, gradient };
  }

  /** Show one number of the gradient, and the same by a small change of the input. */
  function point(index) {
    state.at = index;
    const { gradient } = backpropagate(operator, WEIGHTS, state.z, state.target);
    const [above, below] = [DIFFERENCE, -DIFFERENCE].map((change) => {
      const moved = state.z.with(index, state.z[index] + change);
      return backpropagate(operator, WEIGHTS, moved, state.target).loss;
    });
    const window = operator.rows[index].map(({ input }) => input);
    for (const name of ["z", "gradient"]) grids[name].mark([index]);
    for (const name of ["image", "residual"]) grids[name].mark(window);
    forward.frame({ column: index });
    backward.frame({ row: index });
    $("d-check").textContent =
      `Gradient of z${index + 1}: the convolution of the marked differences gives ${text(gradient[index], 4)}; ` +
      `changing z${index + 1} by ±${DIFFERENCE} and measuring gives ${text((above - below) / (2 * DIFFERENCE), 4)}.`;
  }

  function step() {
    const { loss, gradient } = update();
    state.losses.push(loss);
    state.z = state.z.map((value, index) => value - RATE * gradient[index]);
    update();
  }

  $("d-step").addEventListener("click", step);
  $("d-reset").addEventListener("click", () => {
    Object.assign(state, { z: start(), losses: [], target: [...CROSS] });
    update();
  });
  $("d-run").addEventListener("click", () => {
    state.running = !state.running;
    $("d-run").textContent = state.running ? "Stop" : "Run";
    const frame = () => {
      if (!state.running) return;
      step();
      setTimeout(() => requestAnimationFrame(frame), 120);
    };
    frame();
  });
  $("d-target").addEventListener("click", ({ target }) => {
    const index = grids.target.cells.indexOf(target);
    if (index < 0) return;
    state.target[index] = 1 - state.target[index];
    state.losses = [];
    update();
  });
  update();
}
