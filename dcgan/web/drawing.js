// A canvas to draw on, and the search for the generated image that is most similar to the drawing.

import { drawable, fill, read, show } from "./canvas.js";
import { $ } from "./dom.js";
import { project } from "./project.js";

const SIDE = 280; // of the canvas, about, in pixels: a multiple of the image's
const FRAME = 60; // milliseconds between two images of a search

/** Set up the view; `setUp` of what it returns fits the canvas to another model and clears it. */
export function setUpDrawing(selection) {
  const canvas = $("drawing");
  const isGray = () => selection.model.shape.channels === 1;
  let running = 0; // number of the newest search; older ones end

  const search = async () => {
    const number = ++running;
    const { model } = selection;
    let shown = 0;
    const showBest = (best) => {
      show($("found"), model.image(best));
      $("error").textContent = `mean squared error ${best.error.toFixed(4)}`;
    };
    const best = await project(model, read(canvas, model.shape), {}, (best) => {
      if (number !== running) return false;
      if (performance.now() - shown > FRAME) {
        showBest(best);
        shown = performance.now();
      }
      return true;
    });
    if (number === running) showBest(best);
  };

  const erase = drawable(
    canvas,
    {
      background: () => (isGray() ? "#000" : "#fff"),
      color: () => (isGray() ? "#fff" : $("color").value),
      size: () => (canvas.width * Number($("pen").value)) / 100,
    },
    search,
  );
  const clear = () => {
    running += 1;
    erase();
    $("error").textContent = "";
    show($("found"), selection.model.image(selection.model.point(0)));
  };
  const setUp = () => {
    const { width, height } = selection.model.shape;
    const scale = Math.max(1, Math.round(SIDE / Math.max(width, height)));
    [canvas.width, canvas.height] = [width * scale, height * scale];
    $("color-label").hidden = isGray();
    clear();
  };

  const open = async (file) => {
    running += 1;
    try {
      await fill(canvas, file);
    } catch {
      $("error").textContent = `${file.name} is not an image that this browser can read.`;
      return;
    }
    await search();
  };
  $("search").addEventListener("click", search);
  $("clear").addEventListener("click", clear);
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) open(file);
    $("file").value = ""; // the same file can be chosen again
  });
  const view = canvas.closest("section");
  view.addEventListener("dragover", (event) => event.preventDefault());
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) open(file);
    else $("error").textContent = "What was dropped is not a file.";
  });
  return { setUp };
}
