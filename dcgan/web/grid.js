// A grid of the images of consecutive seeds.

import { moveByArrowKeys } from "./arrow_keys.js";
import { show } from "./canvas.js";
import { element } from "./dom.js";

const FRAME = 12; // milliseconds of work between two frames of the screen

export class Grid {
  /**
   * @param {HTMLElement} parent - gets a button for each image.
   * @param {number} count - number of images.
   * @param {(seed: number) => void} choose - called when an image is chosen.
   */
  constructor(parent, count, choose) {
    this.tiles = Array.from({ length: count }, (_, index) => {
      const tile = element("button", { type: "button" }, element("canvas"));
      tile.addEventListener("click", () => choose(this.first + index));
      return tile;
    });
    parent.replaceChildren(...this.tiles);
    moveByArrowKeys(this.tiles);
    this.generation = 0;
  }

  /**
   * Show the images from a seed on, as many between two frames as there is time for.
   * @param {import("./selection.js").Selection} selection
   */
  show(selection, first = selection.first) {
    this.first = first;
    const generation = ++this.generation; // a later call ends this one
    let index = 0;
    const next = () => {
      const end = performance.now() + FRAME;
      while (index < this.tiles.length && performance.now() < end && generation === this.generation) {
        const tile = this.tiles[index];
        show(tile.firstChild, selection.model.image(selection.point(first + index)));
        tile.title = selection.describe(first + index);
        tile.setAttribute("aria-label", tile.title);
        index += 1;
      }
      if (index < this.tiles.length && generation === this.generation) requestAnimationFrame(next);
    };
    next();
  }
}
