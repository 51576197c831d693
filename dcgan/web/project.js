// The point whose image is most similar to a given image, by gradient descent through the generator with Adam, as
// dcgan/sampling/projection.py finds it: many starting points, the best of which are continued.

const BETAS = [0.9, 0.999];
const EPSILON = 1e-7;

/** One search: a latent vector with the state of Adam. */
class Descent {
  constructor(latent, classInput) {
    this.latent = Float32Array.from(latent);
    this.classInput = classInput;
    this.moments = [new Float32Array(latent.length), new Float32Array(latent.length)];
    this.steps = 0;
    this.error = Infinity;
  }

  /** Take a step; the error is that of the image before it. */
  step(generator, target, rate, maxLength) {
    const image = generator.forward(this.latent, this.classInput);
    let error = 0;
    const gradient = image.map((value, index) => {
      const difference = value - target[index];
      error += difference * difference;
      return (2 * difference) / target.length;
    });
    this.error = error / target.length;
    const { latent } = generator.backward(gradient);
    this.steps += 1;
    const [first, second] = this.moments;
    const corrections = BETAS.map((beta) => 1 - beta ** this.steps);
    let squares = 0;
    latent.forEach((value, index) => {
      first[index] = BETAS[0] * first[index] + (1 - BETAS[0]) * value;
      second[index] = BETAS[1] * second[index] + (1 - BETAS[1]) * value * value;
      const scale = Math.sqrt(second[index] / corrections[1]) + EPSILON;
      this.latent[index] -= (rate * first[index]) / corrections[0] / scale;
      squares += this.latent[index] ** 2;
    });
    const length = Math.sqrt(squares);
    if (length > maxLength) this.latent.forEach((value, index) => (this.latent[index] = (value * maxLength) / length));
  }
}

/**
 * Search the point whose image is most similar to a target, until the time is up.
 * @param {import("./model.js").Model} model
 * @param {Float32Array} target - an image (height, width, channels) in [-1, 1].
 * @param {object} options
 * @param {number} [options.seconds] - how long to search.
 * @param {number[]} [options.labels] - the classes that are tried; by default all of them.
 * @param {number} [options.starts] - starting points of each class.
 * @param {(best: {latent: Float32Array, classInput: Float32Array, error: number}) => Promise<boolean>|boolean} [report]
 *   - called now and then with the best point so far; false ends the search.
 * @returns {Promise<{latent: Float32Array, classInput: Float32Array, error: number}>} with the mean squared error.
 */
export async function project(model, target, { seconds = 3, labels, starts = 2 } = {}, report = () => true) {
  const { generator, classes, content } = model;
  const end = performance.now() + 1000 * seconds;
  const tried = labels ?? (classes.labeled ? classes.names.map((_, label) => label) : [null]);
  let descents = tried.flatMap((label) =>
    Array.from({ length: classes.labeled ? starts : 8 * starts }, (_, seed) => {
      const { latent, classInput } = model.point(seed, label);
      return new Descent(latent, classInput);
    }),
  );
  const begin = performance.now();
  const progress = () => (performance.now() - begin) / (end - begin);
  for (let rounds = 0; progress() < 1; ) {
    const before = progress();
    const rate = 0.05 * Math.max(0.02, before < 0.5 ? 1 : (1 + Math.cos(Math.PI * (2 * before - 1))) / 2);
    for (const descent of descents) {
      descent.step(generator, target, rate, content.maxLength);
      if (progress() >= 1) break;
    }
    rounds += 1;
    descents.sort((a, b) => a.error - b.error);
    // Half of the searches end each time another eighth of the time, or of their steps, is over.
    if (descents.length > 1 && (rounds % 12 === 0 || progress() > 0.5)) {
      descents = descents.slice(0, Math.ceil(descents.length / 2));
    }
    if (!(await report(descents[0]))) break;
  }
  return descents[0];
}
