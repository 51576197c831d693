// The page of one generator, as `dcgan export --format html` writes it, with everything in one file.

import { $ } from "./dom.js";
import { decodeBase64, Model } from "./model.js";
import { project } from "./project.js";
import { Selection } from "./selection.js";
import { describeSelfCheck } from "./self_check.js";
import { setUpViews } from "./views.js";

const content = JSON.parse($("content").textContent);
const model = new Model(content, decodeBase64($("weights").textContent.trim()));

setUpViews(new Selection(model));

window.dcgan = {
  /** Generate the image that `python generate.py` writes for a seed; the class is that of the seed by default. */
  generate: async (seed, classIndex = null) => model.image(model.point(seed, classIndex)),
  /** Search the latent of an image, float32 in [-1, 1]; see project.js. */
  project: (target, options) => project(model, target, options),
};
$("status").textContent = describeSelfCheck(model);
