// Latents added and subtracted: three seeds, and the image of the first minus the second plus the third.

import { show } from "./canvas.js";
import { $, element } from "./dom.js";
import { combine } from "./latents.js";

/** Set up the view; `pick` of what it returns takes a seed as a term and returns whether one was to be chosen. */
export function setUpArithmetic(selection) {
  const terms = [0, 1, 2];
  let picking = null; // the term to be chosen
  const showArithmetic = () => {
    const points = terms.map((seed) => selection.point(seed));
    points.forEach((point, index) => {
      const button = $(`term-${index}`);
      show(button.firstChild, selection.model.image(point));
      const name = selection.describe(terms[index]);
      button.setAttribute("aria-label", `Term ${index + 1}: ${name}. Choose another image.`);
      button.setAttribute("aria-pressed", picking === index);
    });
    const [a, b, c] = points;
    const latent = combine(a.latent, b.latent, c.latent);
    show($("sum"), selection.model.image({ latent, classInput: a.classInput }));
  };
  terms.forEach((_, index) => {
    $(`term-${index}`).append(element("canvas"));
    $(`term-${index}`).addEventListener("click", () => {
      picking = picking === index ? null : index;
      showArithmetic();
    });
  });
  const pick = (seed) => {
    if (picking === null) return false;
    terms[picking] = seed;
    picking = picking < 2 ? picking + 1 : null;
    showArithmetic();
    return true;
  };
  return { show: showArithmetic, pick };
}
