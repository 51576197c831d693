// Parts of the lesson's figures: grids of numbers, images, matrices, controls and colors.

import { moveByArrowKeys } from "../arrow_keys.js";
import { show } from "../canvas.js";
import { element } from "../dom.js";

/** Return a number as a reader wants it: with at most so many decimals, and a real minus sign. */
export function text(value, decimals = 2) {
  const rounded = Number(value.toFixed(decimals));
  return String(Object.is(rounded, -0) ? 0 : rounded).replace("-", "−");
}

/** Return the color of a value as [red, green, blue]: blue below 0, white at 0, orange above, full at ±largest. */
export function color(value, largest) {
  const amount = Math.min(1, Math.abs(value) / (largest || 1));
  const [red, green, blue] = value < 0 ? [40, 100, 200] : [225, 110, 20];
  return [red, green, blue].map((end) => Math.round(255 + (end - 255) * amount));
}

const largestOf = (values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

/** Show numbers as an image: signed ones in colors, others as gray levels between two limits. */
export function showNumbers(canvas, values, width, { signed = false, limits } = {}) {
  const height = values.length / width;
  if (signed) {
    const largest = limits?.[1] ?? largestOf(values);
    const data = new Uint8Array(3 * values.length);
    values.forEach((value, index) => data.set(color(value, largest), 3 * index));
    return show(canvas, { width, height, channels: 3, data });
  }
  const [low, high] = limits ?? [Math.min(...values), Math.max(...values)];
  const scale = 255 / (high - low || 1);
  const data = Uint8ClampedArray.from(values, (value) => (value - low) * scale);
  return show(canvas, { width, height, channels: 1, data });
}

/** Call a function at most once per frame, with its last arguments. */
export function everyFrame(call) {
  let waiting = null;
  return (...values) => {
    if (!waiting) requestAnimationFrame(() => (call(...waiting), (waiting = null)));
    waiting = values;
  };
}

/** A grid of numbers, one button or number field per cell. Arrow keys move from button to button. */
export class Grid {
  /**
   * @param {HTMLElement} host
   * @param {object} options
   * @param {string} options.name - what a cell is, for screen readers.
   * @param {(index: number, value: number) => void} [options.onEdit] - makes the cells editable.
   * @param {(index: number) => void} [options.onPoint] - called for a cell under the pointer or with the focus.
   */
  constructor(host, { name, onEdit, onPoint }) {
    Object.assign(this, { host, name, onEdit, onPoint, columns: 0, cells: [] });
    host.classList.add("cells");
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", name);
    for (const event of ["pointerover", "focusin", "click"]) {
      host.addEventListener(event, ({ target }) => {
        const index = this.cells.indexOf(target);
        if (index >= 0) this.onPoint?.(index);
      });
    }
    host.addEventListener("input", ({ target }) => {
      const value = Number(target.value);
      if (Number.isFinite(value)) this.onEdit(this.cells.indexOf(target), value);
    });
  }

  /** Show numbers; the grid is square. */
  set(values) {
    const columns = Math.sqrt(values.length);
    if (columns !== this.columns) {
      this.columns = columns;
      this.cells = values.map((_, index) => {
        const where = `${this.name}, row ${Math.floor(index / columns) + 1}, column ${(index % columns) + 1}`;
        const cell = this.onEdit
          ? element("input", { type: "number", step: 0.5 })
          : element("button", { type: "button" });
        cell.setAttribute("aria-label", where);
        return cell;
      });
      this.host.style.setProperty("--columns", columns);
      this.host.classList.toggle("many", columns > 9);
      this.host.replaceChildren(...this.cells);
      if (!this.onEdit) moveByArrowKeys(this.cells);
    }
    const largest = largestOf(values);
    values.forEach((value, index) => {
      const cell = this.cells[index];
      cell.style.backgroundColor = `rgb(${color(value, largest)})`;
      cell.style.color = value < -0.5 * largest ? "#fff" : "#111";
      if (!this.onEdit) cell.textContent = text(value, columns > 9 ? 1 : 2);
      else if (Number(cell.value) !== value || cell.value === "") cell.value = Number(value.toFixed(3));
    });
  }

  /** Mark cells, and take the mark from all others. */
  mark(indices, name = "marked") {
    const marked = new Set(indices);
    this.cells.forEach((cell, index) => cell.classList.toggle(name, marked.has(index)));
  }
}

/** A matrix as an image, with a row or column in a frame. */
export class MatrixView {
  /** The function is called with the row and column under the pointer. */
  constructor(canvas, onPoint) {
    this.canvas = canvas;
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const place = (at, length, count) => Math.min(count - 1, Math.max(0, Math.floor((at / length) * count)));
      onPoint(
        place(event.clientY - box.top, box.height, this.rows.length),
        place(event.clientX - box.left, box.width, this.rows[0].length),
      );
    });
  }

  /** @param {number[][]} rows */
  set(rows) {
    this.rows = rows;
    const cell = Math.max(3, Math.floor(640 / Math.max(rows.length, rows[0].length)));
    Object.assign(this, { cell, largest: largestOf(rows.flat()) });
    this.canvas.width = rows[0].length * cell + 1;
    this.canvas.height = rows.length * cell + 1;
    this.canvas.style.aspectRatio = `${this.canvas.width} / ${this.canvas.height}`;
    this.frame({});
  }

  /** Draw the matrix, with a row and a column framed. */
  frame({ row, column }) {
    const { rows, cell, largest, canvas } = this;
    const context = canvas.getContext("2d");
    context.fillStyle = "#bbb";
    context.fillRect(0, 0, canvas.width, canvas.height);
    rows.forEach((values, y) =>
      values.forEach((value, x) => {
        const isLit = (row === undefined && column === undefined) || y === row || x === column;
        const [red, green, blue] = color(value, largest);
        context.fillStyle = `rgb(${red} ${green} ${blue} / ${isLit ? 1 : 0.35})`;
        context.fillRect(x * cell + 1, y * cell + 1, cell - 1, cell - 1);
      }),
    );
    context.strokeStyle = "#d00050";
    context.lineWidth = 3;
    if (row !== undefined) context.strokeRect(1, row * cell + 1, canvas.width - 2, cell - 1);
    if (column !== undefined) context.strokeRect(column * cell + 1, 1, cell - 1, canvas.height - 2);
  }
}

/** A slider with its value beside it; returns the input element. */
export function slider(host, label, { min, max, step = 1, value, format = String }, onInput) {
  const input = element("input", { type: "range", min, max, step, value });
  const output = element("output", { textContent: format(Number(value)) });
  input.addEventListener("input", () => {
    output.textContent = format(Number(input.value));
    onInput(Number(input.value));
  });
  host.append(element("label", { className: "slider" }, element("span", { textContent: label }), input, output));
  return {
    input,
    /** Change the value and the limits, without a call of `onInput`. */
    set(value, limits = {}) {
      Object.assign(input, limits, { value });
      output.textContent = format(value);
    },
  };
}

/** A row of buttons of which one is pressed. */
export function choice(host, names, onChoose, label) {
  host.setAttribute("role", "group");
  if (label) host.setAttribute("aria-label", label);
  const buttons = names.map((name, index) => {
    const button = name instanceof HTMLElement ? name : element("button", { type: "button", textContent: name });
    button.addEventListener("click", () => press(index));
    return button;
  });
  host.append(...buttons);
  const press = (index) => {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", at === index));
    onChoose(index);
  };
  return press;
}

/** A canvas with its caption. */
export function panel(host, caption, className = "") {
  const canvas = element("canvas", { className });
  canvas.setAttribute("role", "img");
  const note = element("figcaption", { textContent: caption });
  host.append(element("figure", { className: "panel" }, canvas, note));
  canvas.setAttribute("aria-label", caption);
  return { canvas, note };
}

/** Buttons that show digits; the function is called with the chosen one. */
export function digitChoice(host, digits, onChoose) {
  const buttons = digits.map((digit, index) => {
    const canvas = element("canvas");
    showNumbers(canvas, digit, 28, { limits: [0, 1] });
    const button = element("button", { type: "button", className: "digit" }, canvas);
    button.setAttribute("aria-label", `Digit ${index}`);
    return button;
  });
  return choice(host, buttons, (index) => onChoose(digits[index]), "Digit");
}
