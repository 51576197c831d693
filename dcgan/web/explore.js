// The page of `dcgan explore`: a run's training while it goes on, its generators, and its discriminator's feature maps.

import { askJson, encodeNumbers } from "./api.js";
import { setUpComparison } from "./comparison_view.js";
import { $, element } from "./dom.js";
import { setUpMaps } from "./maps_view.js";
import { decodeBase64, Model } from "./model.js";
import { setUpNeighbors } from "./neighbors_view.js";
import { project } from "./project.js";
import { Selection } from "./selection.js";
import { describeSelfCheck } from "./self_check.js";
import { TrainingView } from "./training_view.js";
import { setUpViews } from "./views.js";

const POLL = 2000; // milliseconds between two questions for what is new
const WEIGHTS = { ema: "EMA weights", raw: "raw weights", best: "best evaluation" };

const { names, curves, rules } = await askJson("/api/runs");
const training = new TrainingView(names, curves);
const models = new Map(); // key "run/weights" → model
const page = { tab: "training", key: null, selection: null, ready: false, settled: false };

/** Return the generators that there are, by their key. */
function generators() {
  return training.runs.flatMap(({ name, index, weights }) =>
    Object.keys(weights).map((kind) => ({
      run: index,
      key: `${index}/${kind}`,
      name: names.length > 1 ? `${name}: ${WEIGHTS[kind]}` : WEIGHTS[kind],
    })),
  );
}

function versionOf(key) {
  const [run, kind] = key.split("/");
  return training.runs[Number(run)].weights[kind];
}

/** Return a model, loaded when it is needed for the first time, and when training has written other weights. */
async function loadModel(key) {
  if (models.get(key)?.content.version !== versionOf(key)) {
    const [run, weights] = key.split("/");
    const { data, ...content } = await askJson("/api/generator", { run, weights });
    models.set(key, new Model(content, decodeBase64(data)));
  }
  return models.get(key);
}

/** Return the parameters that name the chosen image. */
function chosenImage() {
  const [run, weights] = page.key.split("/");
  const { latent, classInput } = page.selection.current();
  return {
    run,
    weights,
    version: page.selection.model.content.version,
    latent: encodeNumbers(latent),
    class: classInput.length ? encodeNumbers(classInput) : null,
  };
}

/** Load the chosen generator, and let the views show it. */
async function useGenerator(key) {
  page.key = key;
  page.settled = false;
  $("status").textContent = "Loading the generator …";
  showTab();
  try {
    const model = await loadModel(key);
    if (key !== page.key) return;
    $("reload").hidden = true;
    if (page.selection) page.showModel(model);
    else setUpModelViews(model);
    $("status").textContent = describeSelfCheck(model);
    page.ready = true;
  } catch (error) {
    if (key !== page.key) return;
    page.ready = false;
    $("status").textContent = error.message;
  }
  page.settled = true;
  showTab();
}

function setUpModelViews(model) {
  const selection = new Selection(model);
  page.selection = selection;
  const forgetNeighbors = setUpNeighbors(chosenImage);
  page.showModel = setUpViews(selection, forgetNeighbors);
  page.comparison = setUpComparison(loadModel);
  page.comparison.offer(generators());
  page.maps = setUpMaps(selection, chosenImage, rules, (seed) => {
    selection.seed = seed;
    page.showModel(selection.model);
    page.maps.open();
  });
}

function setUpTabs() {
  for (const view of document.querySelectorAll("main > [data-title]")) {
    const button = element("button", { type: "button", textContent: view.dataset.title });
    button.dataset.view = view.id;
    button.addEventListener("click", () => {
      page.tab = view.id;
      showTab();
    });
    $("tabs").append(button);
  }
}

/** Show the chosen view, if there is what it needs; a generator is loaded when a view needs it. */
function showTab() {
  for (const button of $("tabs").children) button.setAttribute("aria-pressed", button.dataset.view === page.tab);
  const needsModel = "needsModel" in $(page.tab).dataset;
  const available = generators();
  if (needsModel && !page.key && available.length) return useGenerator(available[0].key);
  for (const view of document.querySelectorAll("main > [data-title]")) {
    view.hidden = view.id !== page.tab || (needsModel && !page.ready);
  }
  $("chosen").hidden = !needsModel || page.tab === "comparison" || !available.length;
  $("status").hidden = !needsModel || (page.ready && page.tab !== "generator");
  if (!available.length) {
    $("status").textContent = "There is no generator yet: training writes it with the first checkpoint.";
  }
  if (page.settled && page.ready && page.tab === "comparison") page.comparison.open();
  if (page.settled && page.ready && page.tab === "maps") page.maps.open();
}

/** Offer the generators that there are, and say when the chosen one has been replaced. */
let offered = "";
function offerGenerators() {
  const found = generators();
  if (JSON.stringify(found) !== offered) {
    offered = JSON.stringify(found);
    $("weights").replaceChildren(...found.map(({ key, name }) => element("option", { value: key, textContent: name })));
    if (page.key) $("weights").value = page.key;
    page.comparison?.offer(found);
    showTab();
  }
  const isNewest = page.ready && versionOf(page.key) === page.selection.model.content.version;
  $("reload").hidden = !page.key || !page.settled || isNewest;
  $("reload").textContent = page.ready ? "Load the newer weights" : "Try again";
}

async function poll() {
  try {
    await training.update();
    offerGenerators();
    $("connection").textContent = "";
  } catch (error) {
    $("connection").textContent = error instanceof TypeError ? "The server is not running any more." : error.message;
  }
  setTimeout(poll, POLL);
}

$("name").textContent = names.join(" and ");
document.title = `${names.join(" and ")} – dcgan explore`;
$("weights").addEventListener("change", () => useGenerator($("weights").value));
$("reload").addEventListener("click", () => useGenerator(page.key));
setUpTabs();
showTab();
await poll();

window.dcgan = {
  /** Generate the image of a seed with the chosen generator; the class is that of the seed by default. */
  generate: async (seed, classIndex = null) => {
    const { model } = page.selection;
    return model.image(model.point(seed, classIndex));
  },
  /** Search the latent of an image, float32 in [-1, 1]; see project.js. */
  project: (target, options) => project(page.selection.model, target, options),
};
document.documentElement.dataset.ready = "true";
