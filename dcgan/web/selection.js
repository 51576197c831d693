// What a page shows of a generator: its model, and the seeds, the class and the directions that are chosen.

import { move } from "./latents.js";

export class Selection {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    Object.assign(this, { model, first: 0, seed: 0, label: null });
    this.amounts = model.directions.map(() => 0);
  }

  /** Choose another model: the seeds stay, and so does a class that it has, too. */
  use(model) {
    const [before, after] = [this.model, model].map(({ classes }) => classes.names.join("\n"));
    if (before !== after) this.label = null;
    this.model = model;
    this.amounts = model.directions.map(() => 0);
  }

  /** Return the point that is chosen: that of the seed, moved along the directions. */
  current() {
    const { latent, classInput } = this.point(this.seed);
    const directions = this.model.directions.map(({ values }) => values);
    return { latent: move(latent, directions, this.amounts), classInput };
  }

  get moved() {
    return this.amounts.some(Boolean);
  }

  /** Return the point of a seed in the chosen class. */
  point(seed) {
    return this.model.point(seed, this.label);
  }

  /** Return what a seed's image is called. */
  describe(seed) {
    const { classes } = this.model;
    if (!classes.labeled) return `seed ${seed}`;
    return `seed ${seed}, class ${classes.names[this.label ?? classes.labelOf(seed)]}`;
  }

  /** Return what the chosen image is called. */
  describeCurrent() {
    return this.describe(this.seed) + (this.moved ? ", moved" : "");
  }
}
