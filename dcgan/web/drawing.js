// A canvas to draw on, and the search for the generated image that is most similar to the drawing.

import { drawable, read, show } from "./canvas.js";
import { $ } from "./dom.js";
import { project } from "./project.js";

/** Set up the view; `setUp` of what it returns fits the canvas to another model and clears it. */
export function setUpDrawing(selection) {
  const canvas = $("drawing");
  const isGray = () => selection.model.shape.channels === 1;
  const clear = drawable(canvas, {
    background: () => (isGray() ? "#000" : "#fff"),
    color: () => (isGray() ? "#fff" : $("color").value),
    size: () => (canvas.width * Number($("pen").value)) / 100,
  });
  const setUp = () => {
    const { model } = selection;
    const aspect = model.shape.width / model.shape.height;
    [canvas.width, canvas.height] = aspect > 1 ? [280, Math.round(280 / aspect)] : [Math.round(280 * aspect), 280];
    $("color-label").hidden = isGray();
    $("error").textContent = "";
    clear();
    show($("found"), model.image(model.point(0)));
  };
  const search = async () => {
    const { model } = selection;
    $("search").disabled = true;
    const target = read(canvas, model.shape);
    let shown = 0;
    const showBest = (best) => {
      show($("found"), model.image(best));
      $("error").textContent = `mean squared error ${best.error.toFixed(4)}`;
    };
    const best = await project(model, target, { seconds: 3 }, (best) => {
      if (model !== selection.model) return false; // another one was chosen
      if (performance.now() - shown < 60) return true;
      shown = performance.now();
      showBest(best);
      return new Promise((resolve) => requestAnimationFrame(() => resolve(true)));
    });
    if (model === selection.model) showBest(best);
    $("search").disabled = false;
  };
  const open = async (file) => {
    try {
      const image = await createImageBitmap(file);
      const context = canvas.getContext("2d");
      const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
      const [width, height] = [image.width * scale, image.height * scale];
      context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    } catch {
      $("error").textContent = `${file.name} is not an image that this browser can read.`;
      return;
    }
    await search();
  };
  canvas.addEventListener("pointerup", search);
  $("search").addEventListener("click", search);
  $("clear").addEventListener("click", clear);
  $("file").addEventListener("change", () => $("file").files.length && open($("file").files[0]));
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
  return { setUp };
}
