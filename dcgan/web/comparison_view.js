// Two generators side by side, on the same seeds.

import { $, element } from "./dom.js";
import { Grid } from "./grid.js";
import { Selection } from "./selection.js";

const COUNT = 16;
const SIDES = ["left", "right"];

/**
 * Set up the view.
 * @param {(key: string) => Promise<import("./model.js").Model>} loadModel
 * @param {import("./selection.js").Selection} selection - of the other views; its class is used if both have it.
 */
export function setUpComparison(loadModel, selection) {
  const models = {};
  const grids = {};
  let first = 0;
  const choose = (seed) => {
    $("comparison-status").textContent = models.left && new Selection(models.left).describe(seed);
  };
  for (const side of SIDES) grids[side] = new Grid($(`${side}-grid`), COUNT, choose);
  const show = () => {
    for (const side of SIDES) {
      if (!models[side]) continue;
      const own = new Selection(models[side]);
      const same = own.model.classes.names.join("\n") === selection.model?.classes.names.join("\n");
      own.label = same ? selection.label : null;
      grids[side].show(own, first);
    }
  };
  const turn = (seed) => {
    first = Math.min(Number.MAX_SAFE_INTEGER - COUNT, Math.max(0, Math.floor(seed) || 0));
    $("comparison-first").value = first;
    show();
  };
  const load = async (side) => {
    const key = $(side).value;
    $("comparison-status").textContent = "Loading the generator …";
    try {
      const model = await loadModel(key);
      if (key !== $(side).value) return;
      models[side] = model;
      $("comparison-status").textContent = "";
    } catch (error) {
      $("comparison-status").textContent = error.message;
    }
    show();
  };
  for (const side of SIDES) $(side).addEventListener("change", () => load(side));
  $("comparison-previous").addEventListener("click", () => turn(first - COUNT));
  $("comparison-next").addEventListener("click", () => turn(first + COUNT));
  $("comparison-first").addEventListener("change", () => turn(Number($("comparison-first").value)));
  return {
    /** Load both when the view is opened. */
    open: async () => {
      for (const side of SIDES) await load(side);
    },
    /** Offer generators; the right one is another one than the left one, where there is one. */
    offer: (choices) => {
      SIDES.forEach((side, index) => {
        const chosen = $(side).value || (choices[index] ?? choices[0])?.key;
        $(side).replaceChildren(...choices.map(({ key, name }) => element("option", { value: key, textContent: name })));
        if (choices.some(({ key }) => key === chosen)) $(side).value = chosen;
      });
    },
  };
}
