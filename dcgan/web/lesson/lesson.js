// The lesson: its sections, and what its tests compare with TensorFlow.

import { decodeBase64 } from "../model.js";
import { backpropagate, backpropagationSection } from "./backpropagation-section.js";
import { checkerboardSection, overlaps, randomLayer } from "./checkerboard-section.js";
import { Convolution } from "./convolution.js";
import { matrixSection } from "./matrix-section.js";
import { Chain, numbers, Segmenter, upsampleMap } from "./network.js";
import { deconvnetSection, segmentationSection, unitSignal } from "./networks-section.js";
import { Search, SparseCoding } from "./sparse.js";
import { sparseSection } from "./sparse-section.js";
import * as spectra from "./spectrum.js";
import { upsamplingSection } from "./upsampling-section.js";
import * as upsampling from "./upsampling.js";

const content = JSON.parse(document.getElementById("content").textContent);

/** Return stored gray levels as numbers from 0 to 1. */
const grays = (text) => Array.from(decodeBase64(text), (value) => value / 255);

const stored = grays(content.digits);
const digits = Array.from({ length: 10 }, (_, index) => stored.slice(784 * index, 784 * (index + 1)));
const discriminator = new Chain(content.discriminator, [28, 28, 1]);

matrixSection();
upsamplingSection(digits);
checkerboardSection();
backpropagationSection();
deconvnetSection(discriminator, digits);
const segmenter = segmentationSection(content.segmenter, grays(content.canvas));
const coding = sparseSection(numbers(content.filters), content.filters.shape, digits);

window.lesson = {
  Convolution,
  Search,
  Segmenter,
  SparseCoding,
  backpropagate,
  coding,
  digits,
  discriminator,
  overlaps,
  randomLayer,
  segmenter,
  unitSignal,
  upsampleMap,
  ...upsampling,
  ...spectra,
};
document.documentElement.dataset.ready = "true";
