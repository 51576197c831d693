// Curves of a training as SVG: lines over the steps, a mark at one step, and the values there.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = { left: 52, right: 10, top: 8, bottom: 24 };
const HEIGHT = 170;
const MAX_POINTS = 600; // of a line; the extremes of what lies between two of them are kept
const UNIT = ["mean of D", "fraction of images"]; // labels of axes from 0 to 1
const LOGARITHMIC = ["distance"]; // labels of axes that are logarithmic if the values fall by a factor of 10
const DASHES = ["", "6 3", "2 3", "8 3 2 3"]; // of the runs

/** Make an SVG element with attributes and children. */
function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return a number in few characters. */
export function format(value) {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1);
  return Number(value.toPrecision(size >= 1000 ? 4 : 3)).toString();
}

/** Return about `count` round numbers from `low` to `high`. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  const length = Math.min(2 * count, Math.floor(high / step) - first + 1); // no loop over numbers that have no successor
  return length > 0 ? Array.from({ length }, (_, index) => (first + index) * step) : [low];
}

/** Return at most about `MAX_POINTS` of the points, the lowest and the highest of each part among them. */
function thin(points) {
  const size = Math.ceil((2 * points.length) / MAX_POINTS);
  if (size < 2) return points;
  const kept = [];
  for (let first = 0; first < points.length; first += size) {
    const part = points.slice(first, first + size).sort((a, b) => a.y - b.y);
    kept.push(...[part[0], part.at(-1)].sort((a, b) => a.x - b.x));
  }
  return kept;
}

/**
 * Return the index of the last item whose step is at most `step`; -1 if there is none.
 * @param {any[]} items - in the order of their steps.
 * @param {number} step
 * @param {(item: any) => number} stepOf
 */
export function lastAt(items, step, stepOf = (item) => item) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stepOf(items[middle]) <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export class Chart {
  /**
   * @param {string} label - of the vertical axis.
   * @param {Object<string, string>} curves - name of each key of the records.
   * @param {(step: number) => void} choose - called with a step that a person points at.
   */
  constructor(label, curves, choose) {
    Object.assign(this, { label, curves, choose, runs: [], lines: [], events: [], step: 0, range: [0, 1] });
    this.svg = svg("svg", { role: "img", tabindex: "0", height: HEIGHT });
    this.legend = document.createElement("p");
    this.legend.className = "legend";
    this.element = document.createElement("figure");
    this.element.append(this.legend, this.svg);
    this.svg.addEventListener("pointerdown", (event) => this.point(event));
    this.svg.addEventListener("pointermove", (event) => event.buttons && this.point(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /**
   * Show runs.
   * @param {{name: string, records: object[]}[]} runs
   * @param {number[]} events - steps of the health events of the first run.
   * @param {number[]} range - first and last step of all runs.
   */
  show(runs, events, range) {
    Object.assign(this, { runs, events, range });
    this.lines = this.linesOf(runs).filter(({ points }) => points.length);
    this.element.hidden = !this.lines.length;
    this.draw();
  }

  /** Mark a step. */
  mark(step) {
    this.step = step;
    this.placeMark();
    this.describe();
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    const [first, last] = this.range;
    this.choose(first + Math.min(1, Math.max(0, share)) * (last - first));
  }

  /** Return, for each run and key, the points with a value. */
  linesOf(runs) {
    const shown = (record, key) => key in record && record.step <= this.range[1];
    return runs.flatMap(({ name, records }, run) =>
      Object.keys(this.curves).map((key, color) => {
        const points = records
          .filter((record) => shown(record, key))
          .map((record) => ({ x: record.step, y: record[key] }));
        return { key, name, run, color, points };
      }),
    );
  }

  /** Return the function from values to pixels, and the values that have a line. */
  scale() {
    const values = this.lines.flatMap(({ points }) => points.map(({ y }) => y));
    let low = values.reduce((a, b) => Math.min(a, b), Infinity);
    let high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const bottom = HEIGHT - MARGIN.bottom;
    const height = bottom - MARGIN.top;
    const place = (f, from, to) => (value) => bottom - (height * (f(value) - from)) / (to - from);
    if (LOGARITHMIC.includes(this.label) && low > 0 && high > 10 * low) {
      const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
      const marks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
      return { y: place(Math.log10, from, to), marks };
    }
    if (UNIT.includes(this.label)) [low, high] = [0, 1];
    if (low >= 0) low = 0;
    if (high <= low) high = low + 1;
    const marks = ticks(low, high, 4);
    const step = marks[1] - marks[0] || high - low;
    if (marks[0] > low) marks.unshift(marks[0] - step);
    if (marks.at(-1) < high) marks.push(marks.at(-1) + step);
    return { y: place((value) => value, marks[0], marks.at(-1)), marks };
  }

  x(step) {
    const [first, last] = this.range;
    return MARGIN.left + ((this.width - MARGIN.left - MARGIN.right) * (step - first)) / (last - first || 1);
  }

  draw() {
    this.width = Math.floor(this.element.clientWidth);
    if (this.element.hidden || this.width < 50) return;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const { y, marks } = this.scale();
    const [right, bottom] = [this.width - MARGIN.right, HEIGHT - MARGIN.bottom];
    const axes = marks.flatMap((value) => [
      svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value)),
    ]);
    if (this.label === "mean of D") {
      // The optimal discriminator of a perfect generator outputs 1/2.
      axes.push(svg("line", { class: "half", x1: MARGIN.left, x2: right, y1: y(0.5), y2: y(0.5) }));
    }
    const steps = ticks(...this.range, Math.max(2, Math.floor(this.width / 110)));
    axes.push(
      ...steps.map((step) => {
        const near = this.x(step) > right - 20 ? "end" : "middle";
        return svg("text", { x: this.x(step), y: HEIGHT - 6, "text-anchor": near }, step.toLocaleString("en"));
      }),
    );
    const events = this.events.map((step) =>
      svg("line", { class: "event", x1: this.x(step), x2: this.x(step), y1: MARGIN.top, y2: bottom }),
    );
    const paths = this.lines.map(({ run, color, points }) => {
      const place = ({ x, y: value }) => `${this.x(x).toFixed(1)},${y(value).toFixed(1)}`;
      if (points.length === 1) {
        const [cx, cy] = place(points[0]).split(",");
        return svg("circle", { class: `curve-${color}`, cx, cy, r: 3 });
      }
      const style = { class: `curve-${color}`, "stroke-dasharray": DASHES[run % DASHES.length] };
      return svg("polyline", { ...style, points: thin(points).map(place).join(" ") });
    });
    this.marker = svg("line", { class: "now", y1: MARGIN.top, y2: bottom });
    this.svg.replaceChildren(...axes, ...events, ...paths, this.marker);
    this.placeMark();
    this.describe();
  }

  placeMark() {
    this.marker?.setAttribute("x1", this.x(this.step));
    this.marker?.setAttribute("x2", this.x(this.step));
  }

  /** Show the names of the lines and their values at the marked step. */
  describe() {
    const texts = this.lines.map(({ key, name, run, color, points }) => {
      const index = lastAt(points, this.step, ({ x }) => x);
      const value = index < 0 ? "" : ` ${format(points[index].y)}`;
      const dashes = DASHES[run % DASHES.length];
      const line = svg("line", { class: `curve-${color}`, x1: 0, x2: 24, y1: 5, y2: 5, "stroke-dasharray": dashes });
      const entry = document.createElement("span");
      entry.append(svg("svg", { width: 24, height: 10, "aria-hidden": "true" }, line));
      entry.append(` ${this.curves[key]}${this.runs.length > 1 ? ` (${name})` : ""}${value}`);
      return entry;
    });
    const title = document.createElement("strong");
    title.textContent = this.label;
    this.legend.replaceChildren(title, ...texts);
    const spoken = texts.map((entry) => entry.textContent.trim()).join(", ");
    this.svg.setAttribute("aria-label", `${this.label} up to step ${format(this.range[1])}; at step ${this.step}: ${spoken}`);
  }
}
