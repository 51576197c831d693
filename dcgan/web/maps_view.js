// The feature maps of the discriminator for the chosen image, and the training images that one of them responds to.

import { askImage, askJson, newest } from "./api.js";
import { moveByArrowKeys } from "./arrow_keys.js";
import { show } from "./canvas.js";
import { $, element } from "./dom.js";
import { decodeBase64 } from "./model.js";

/**
 * Set up the view.
 * @param {import("./selection.js").Selection} selection
 * @param {() => object} chosen - the parameters that name the chosen image.
 * @param {string[]} rules - of the backward pass.
 * @param {(seed: number) => void} chooseSeed
 */
export function setUpMaps(selection, chosen, rules, chooseSeed) {
  let layers = [];
  let run = null; // whose layers these are
  let map = null;
  const showMaps = newest(
    async () => {
      const parameters = chosen();
      if (parameters.run !== run) {
        layers = await askJson("/api/layers", { run: parameters.run });
        run = parameters.run;
        map = null;
        const options = layers.map(({ name, maps }) => element("option", { value: name, textContent: `${name}, ${maps} maps` }));
        $("layer").replaceChildren(...options);
        $("layer").selectedIndex = layers.length - 1;
      }
      const layer = $("layer").value;
      return { layer, ...(await askJson("/api/activations", { ...parameters, layer })) };
    },
    ({ layer, pixels }) => {
      const { maps, size } = layers.find(({ name }) => name === layer);
      placeMaps(decodeBase64(pixels), maps, size);
    },
    (message) => {
      $("maps-status").textContent = message || "Computing the feature maps …";
      if (message) $("map-grid").replaceChildren();
    },
  );
  const showFigure = newest(
    () => askImage("/api/figure", { run, layer: $("layer").value, map, rule: $("rule").value }),
    (image) => {
      image.width = 2 * image.naturalWidth;
      image.alt = `Training images with the largest activations of map ${map}, and their projections`;
      $("figure").replaceChildren(image);
      image.scrollIntoView({ block: "nearest" });
      $("figure-status").textContent = `Map ${map} of ${$("layer").value}.`;
    },
    (message) => {
      $("figure-status").textContent = message || `Searching the training images for map ${map} …`;
      if (message) $("figure").replaceChildren();
    },
  );
  const placeMaps = (data, count, [height, width]) => {
    $("maps-status").textContent = "";
    const tiles = Array.from({ length: count }, (_, index) => {
      const canvas = element("canvas");
      const size = height * width;
      show(canvas, { height, width, channels: 1, data: data.subarray(index * size, (index + 1) * size) });
      const tile = element("button", { type: "button", title: `map ${index}` }, canvas);
      tile.setAttribute("aria-label", `map ${index}`);
      tile.setAttribute("aria-pressed", index === map);
      tile.addEventListener("click", () => {
        map = index;
        for (const other of tiles) other.setAttribute("aria-pressed", other === tile);
        showFigure();
      });
      return tile;
    });
    $("map-grid").replaceChildren(...tiles);
    moveByArrowKeys(tiles);
  };
  const forget = () => {
    map = null;
    $("figure").replaceChildren();
    $("figure-status").textContent = "Choose a feature map.";
    showMaps();
  };
  $("rule").replaceChildren(...rules.map((rule) => element("option", { value: rule, textContent: rule })));
  $("rule").addEventListener("change", () => map !== null && showFigure());
  $("layer").addEventListener("change", forget);
  $("maps-seed").addEventListener("change", () => chooseSeed(Math.max(0, Math.floor(Number($("maps-seed").value)) || 0)));
  return {
    /** Show the maps of the chosen image. */
    open: () => {
      $("maps-seed").value = selection.seed;
      show($("maps-image"), selection.model.image(selection.current()));
      $("maps-image").setAttribute("aria-label", `Generated image of ${selection.describeCurrent()}`);
      showMaps();
    },
  };
}
