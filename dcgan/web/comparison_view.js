// Two generators side by side, on the same seeds.

import { $, setOptions } from "./dom.js";
import { Grid } from "./grid.js";
import { Selection } from "./selection.js";

const COUNT = 16;
const SIDES = ["left", "right"];

/**
 * Set up the view.
 * @param {(key: string) => Promise<import("./model.js").Model>} loadModel
 */
export function setUpComparison(loadModel) {
  const shown = {}; // selection of each side
  const grids = {};
  let first = 0;
  const describe = (seed) => shown.left && ($("comparison-status").textContent = shown.left.describe(seed));
  for (const side of SIDES) grids[side] = new Grid($(`${side}-grid`), COUNT, describe);
  const show = () => {
    const label = $("comparison-class").value;
    for (const [side, selection] of Object.entries(shown)) {
      selection.label = label === "" ? null : Number(label);
      grids[side].show(selection, first);
    }
  };
  /** Offer the classes, if both generators have the same ones. */
  const offerClasses = () => {
    const lists = Object.values(shown).map(({ model }) => (model.classes.labeled ? model.classes.names : []));
    const names = lists.every((list) => list.join("\n") === lists[0].join("\n")) ? lists[0] : [];
    setOptions($("comparison-class"), [["", "each seed's"], ...names.entries()]);
    $("comparison-class-label").hidden = !names.length;
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
      shown[side] = new Selection(model);
      $("comparison-status").textContent = "";
    } catch (error) {
      $("comparison-status").textContent = error.message;
      return;
    }
    offerClasses();
    show();
  };
  for (const side of SIDES) $(side).addEventListener("change", () => load(side));
  $("comparison-class").addEventListener("change", show);
  $("comparison-previous").addEventListener("click", () => turn(first - COUNT));
  $("comparison-next").addEventListener("click", () => turn(first + COUNT));
  $("comparison-first").addEventListener("change", () => turn(Number($("comparison-first").value)));
  return {
    /** Load both when the view is opened. */
    open: async () => {
      for (const side of SIDES) await load(side);
    },
    /** Offer generators: on the right that of another run if there is one, or else with other weights. */
    offer: (choices) => {
      const other = choices.find(({ run }) => run !== choices[0].run) ?? choices[1] ?? choices[0];
      for (const [side, initial] of [["left", choices[0]], ["right", other]]) {
        const isFirst = !$(side).value;
        setOptions($(side), choices.map(({ key, name }) => [key, name]));
        if (isFirst && initial) $(side).value = initial.key;
      }
    },
  };
}
