// The training images that are nearest to the chosen image.

import { askJson, newest } from "./api.js";
import { show } from "./canvas.js";
import { $, element } from "./dom.js";
import { decodeBase64 } from "./model.js";

/**
 * Set up the view.
 * @param {() => object} chosen - the parameters that name the chosen image.
 * @returns {() => void} a function that forgets what was found, as another image is chosen.
 */
export function setUpNeighbors(chosen) {
  let asked = "";
  const find = newest(
    (parameters) => askJson("/api/neighbors", parameters),
    ({ neighbors, shape: [height, width, channels], searched, typical }) => {
      const figures = neighbors.map(({ index, distance, mirrored, pixels }) => {
        const canvas = element("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `Training image ${index}${mirrored ? ", mirrored" : ""}`);
        show(canvas, { height, width, channels, data: decodeBase64(pixels) });
        const text = `${distance.toFixed(2)}${mirrored ? ", mirrored" : ""}`;
        const caption = element("figcaption", { textContent: text });
        return element("figure", { title: `training image ${index}` }, canvas, caption);
      });
      $("neighbors").replaceChildren(...figures);
      $("neighbors-status").textContent =
        `The nearest of ${searched.toLocaleString("en")}, with their distances. Two training images are ` +
        `${typical.toFixed(2)} apart, from one to its nearest other one (median).`;
    },
    (message) => ($("neighbors-status").textContent = message || "Searching the training images …"),
  );
  $("find-neighbors").addEventListener("click", () => {
    const parameters = chosen();
    asked = JSON.stringify(parameters);
    find(parameters);
  });
  return () => {
    if (!asked || JSON.stringify(chosen()) === asked) return;
    asked = "";
    $("neighbors").replaceChildren();
    $("neighbors-status").textContent = "Another image is chosen.";
  };
}
