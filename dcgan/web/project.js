// The point whose image is most similar to a given image: many starting points, the best of which are continued, as in
// dcgan/sampling/projection.py. Few gradients have to do here, so L-BFGS takes the place of Adam, and the number of
// searches falls in several stages of equal length (successive halving: Jamieson and Talwalkar 2016).

import { Lbfgs } from "./lbfgs.js";

const STARTS = 40; // as `dcgan project` tries for ten classes
const MIN_EVALUATIONS = 10; // for each starting point, or else there are fewer of them
const TRIALS = 3; // evaluations that are timed
const KEPT = 3; // one of so many searches is continued
const UNINTERRUPTED = 16; // milliseconds until the browser may do something else

/** Let the browser show what has changed and handle events. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Return the mean squared error of a point's image, and its gradient with respect to the latent. */
export function squaredError(generator, target, latent, classInput) {
  const image = generator.forward(latent, classInput);
  let sum = 0;
  const gradient = image.map((value, index) => {
    const difference = value - target[index];
    sum += difference * difference;
    return (2 * difference) / target.length;
  });
  return { value: sum / target.length, gradient: generator.backward(gradient).latent };
}

/** Return one search per starting point: all classes of the first seed, then those of the second one. */
function searches(model, target, labels, starts) {
  const { generator, classes, content } = model;
  const tried = labels ?? (classes.labeled ? [...classes.names.keys()] : [null]);
  return Array.from({ length: tried.length * Math.ceil(starts / tried.length) }, (_, index) => {
    const { latent, classInput } = model.point(Math.floor(index / tried.length), tried[index % tried.length]);
    const evaluate = (latent) => squaredError(generator, target, latent, classInput);
    return Object.assign(new Lbfgs(latent, content.maxLength, evaluate), { classInput });
  });
}

/**
 * Search the point whose image is most similar to a target.
 * @param {import("./model.js").Model} model
 * @param {Float32Array} target - an image (height, width, channels) in [-1, 1].
 * @param {object} options
 * @param {number} [options.seconds] - how long to search.
 * @param {number} [options.evaluations] - maximum number of images with gradients. With `seconds: Infinity` the result
 *   does not depend on the speed of the machine.
 * @param {number[]} [options.labels] - the classes that are tried; by default all of them.
 * @param {number} [options.starts] - number of starting points, rounded up to a multiple of the classes. Where images
 *   take long, there are fewer.
 * @param {(best: {latent: Float32Array, classInput: Float32Array, error: number}) => boolean} [report] - called now
 *   and then with the best point so far; false ends the search.
 * @returns {Promise<{latent: Float32Array, classInput: Float32Array, error: number}>} the point, no longer than
 *   `content.maxLength`, with the mean squared error.
 * @throws {RangeError} if the target has another size.
 */
export async function project(
  model,
  target,
  { seconds = 3, evaluations = Infinity, labels, starts = STARTS } = {},
  report = () => true,
) {
  const { height, width, channels } = model.shape;
  const size = height * width * channels;
  if (target.length !== size) throw new RangeError(`The target has ${target.length} numbers instead of ${size}.`);
  const begin = performance.now();
  let done = 0;
  const progress = () => Math.max((performance.now() - begin) / (1000 * seconds), done / evaluations);
  let running = searches(model, target, labels, starts);
  const best = () => {
    const { point, classInput, value } = running.reduce((a, b) => (b.value < a.value ? b : a));
    return { latent: Float32Array.from(point), classInput, error: value };
  };
  let last = begin;
  const advance = async (search) => {
    search.step();
    done += 1;
    if (performance.now() - last < UNINTERRUPTED) return true;
    const goOn = report(best());
    await pause();
    last = performance.now();
    return goOn;
  };

  let cost = Infinity; // of an evaluation, as a part of all of them
  for (let count = 0; count < TRIALS; count++) {
    const before = progress();
    if (!(await advance(running[0]))) return best();
    cost = Math.min(cost, progress() - before);
  }
  running = running.slice(0, Math.max(1, Math.floor(1 / cost / MIN_EVALUATIONS)));
  const stages = 1 + Math.ceil(Math.log(running.length) / Math.log(KEPT) - 1e-9);
  for (let stage = 0; progress() < 1 && !running.every(({ converged }) => converged); ) {
    for (const search of running) {
      if (!(await advance(search))) return best();
      if (progress() >= 1) break;
    }
    const reached = Math.min(stages - 1, Math.floor(stages * progress()));
    running.sort((a, b) => a.value - b.value);
    for (; stage < reached; stage++) running = running.slice(0, Math.ceil(running.length / KEPT));
  }
  return best();
}
