// The training of a run, while it goes on: sample grids, curves and health log, with a slider through time.

import { askImage, askJson, newest } from "./api.js";
import { Chart, format, lastAt } from "./curves.js";
import { $, element } from "./dom.js";

const FRAMES_PER_SECOND = 8;

/** What the page has of a run's training; `update` asks for what is new. */
class Progress {
  constructor(name, index) {
    Object.assign(this, { name, index, records: [], health: [], grids: [], weights: {}, generation: "" });
  }

  /** Return whether there was something new. */
  async update() {
    const { index, records, generation } = this;
    const answer = await askJson("/api/training", { run: index, after: records.length, generation });
    const before = JSON.stringify([records.length, generation, this.health, this.grids, this.real, this.problem]);
    this.records = [...records.slice(0, answer.first), ...answer.records];
    const { health, grids, weights, real, problem } = answer;
    Object.assign(this, { health, grids, weights, real, problem, generation: answer.generation });
    return before !== JSON.stringify([this.records.length, answer.generation, health, grids, real, problem]);
  }
}

export class TrainingView {
  /**
   * @param {string[]} names - of the runs.
   * @param {Object<string, Object<string, string>>} curves - label → {key: name}.
   */
  constructor(names, curves) {
    this.runs = names.map((name, index) => new Progress(name, index));
    this.charts = Object.entries(curves).map(([label, keys]) => new Chart(label, keys, (step) => this.seek(step)));
    $("curves").append(...this.charts.map((chart) => chart.element));
    for (const { svg } of this.charts) {
      svg.addEventListener("keydown", (event) => {
        const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
        if (move === undefined) return;
        event.preventDefault();
        this.choose(Number($("time").value) + move);
      });
    }
    this.steps = [];
    this.showsReal = false;
    $("time").addEventListener("input", () => this.choose(Number($("time").value)));
    $("play-training").addEventListener("click", () => this.play());
    $("show-samples").addEventListener("click", () => this.showReal(false));
    $("show-real").addEventListener("click", () => this.showReal(true));
    this.shown = "";
    this.showSamples = newest(
      (choices) => Promise.all(choices.map(async ({ name, path, parameters }) => [name, await askImage(path, parameters)])),
      (images) => this.placeSamples(images),
      (message) => message && ($("samples-name").textContent = message),
    );
  }

  /** Ask for what is new, and show it; at the end of the slider, it follows the training. */
  async update() {
    const changed = await Promise.all(this.runs.map((run) => run.update()));
    if (changed.some(Boolean)) this.show();
  }

  show() {
    const follows = Number($("time").value) >= this.steps.length - 1;
    const chosen = this.step;
    // Time is that of the first run: others are shown up to the step where it is.
    const stepsOf = ({ records, grids }) => [...records.map(({ step }) => step), ...grids];
    const own = stepsOf(this.runs[0]);
    this.steps = [...new Set(own.length ? own : this.runs.flatMap(stepsOf))].sort((a, b) => a - b);
    const range = [Math.min(0, this.steps[0] ?? 0), this.steps.at(-1) ?? 1];
    const [{ real, problem, records, grids }] = this.runs;
    const several = this.runs.length > 1;
    const health = this.runs.flatMap((run) => run.health.map((event) => ({ ...event, name: several ? `${run.name}: ` : "" })));
    const events = [...new Set(health.map(({ step }) => step))];
    for (const chart of this.charts) chart.show(this.runs, events, range);
    $("time").max = Math.max(0, this.steps.length - 1);
    $("show-real").hidden = !real;
    $("health").replaceChildren(...health.map(({ step, message, name }) => this.event(step, name + message)));
    if (!health.length) $("health").replaceChildren(element("li", { textContent: "No events." }));
    this.note = problem || (records.length || grids.length ? "" : "Nothing is logged yet.");
    this.choose(follows ? Infinity : lastAt(this.steps, chosen));
  }

  event(step, message) {
    const button = element("button", { type: "button", textContent: `step ${step}` });
    button.addEventListener("click", () => this.seek(step));
    return element("li", {}, button, ` ${message}`);
  }

  /** Show the step of an index of the slider. */
  choose(index) {
    const place = Math.max(0, Math.min(this.steps.length - 1, index));
    $("time").value = place;
    this.step = this.steps[place] ?? 0;
    $("time").setAttribute("aria-valuetext", `step ${this.step}`);
    const { records } = this.runs[0];
    const record = records[lastAt(records, this.step, ({ step }) => step)];
    const speed = record?.images_per_second ? `, ${format(record.images_per_second)} images/s` : "";
    const seconds = record?.seconds ? `, after ${format(record.seconds)} s` : "";
    $("now").textContent = this.note || `step ${this.step.toLocaleString("en")}${seconds}${speed}`;
    for (const chart of this.charts) chart.mark(this.step);
    this.chooseSamples();
  }

  /** Show the last step that is not after this one. */
  seek(step) {
    this.choose(Math.max(0, lastAt(this.steps, step)));
  }

  chooseSamples() {
    const choices = this.runs.flatMap(({ name, index, grids, real }) => {
      if (this.showsReal) return real ? [{ name, path: "/api/real", parameters: { run: index } }] : [];
      const step = grids[lastAt(grids, this.step)] ?? grids[0];
      const title = `${this.runs.length > 1 ? `${name}, ` : ""}step ${step}`;
      return step === undefined ? [] : [{ name: title, path: "/api/grid", parameters: { run: index, step } }];
    });
    if (!choices.length) {
      $("samples").replaceChildren();
      $("samples-name").textContent = "There are no sample grids yet.";
    }
    const wanted = JSON.stringify(choices);
    if (wanted === this.shown || !choices.length) return;
    this.shown = wanted;
    this.showSamples(choices);
  }

  placeSamples(images) {
    const real = this.showsReal;
    for (const [name, image] of images) image.alt = real ? `Real images of ${name}` : `Generated images, ${name}`;
    $("samples").replaceChildren(...images.map(([, image]) => image));
    $("samples-name").textContent = images.map(([name]) => (real ? "real images" : name)).join("; ");
  }

  showReal(showsReal) {
    this.showsReal = showsReal;
    $("show-real").setAttribute("aria-pressed", showsReal);
    $("show-samples").setAttribute("aria-pressed", !showsReal);
    this.chooseSamples();
  }

  /** Show the steps with sample grids, one after the other, from the beginning if the last one is shown. */
  play() {
    clearInterval(this.playing);
    const starts = $("play-training").textContent === "Play";
    $("play-training").textContent = starts ? "Stop" : "Play";
    if (!starts) return;
    if (Number($("time").value) >= this.steps.length - 1) this.choose(0);
    this.playing = setInterval(() => {
      const { grids } = this.runs[0];
      const next = (grids.length ? grids : this.steps).find((step) => step > this.step);
      if (next === undefined) return this.play();
      this.seek(next);
    }, 1000 / FRAMES_PER_SECOND);
  }
}
