// A generator: the latent vector and the class are projected to a small feature map, which transposed convolutions
// double until it is an image. BatchNorm, which is linear after training, is part of the weights and biases.

import { addBias, Convolution, ReLU } from "./layers.js";
import { Numbers, RightFactor } from "./matrix.js";

export class Generator {
  /**
   * @param {object} sizes
   * @param {number} sizes.latent - length of the latent vector.
   * @param {number} sizes.classes - length of the class input, 0 for an unconditional generator.
   * @param {number[][]} sizes.maps - [height, width, channels] of the base, of each stage, and of the image at last.
   * @param {number[]} sizes.kernels - height and width of the kernel of each stage.
   * @param {Object<string, Float32Array>} weights - `project` (latent, base), `project_class` (classes, base),
   *   `project_bias` (base), and for each stage `up_0` (kernel, kernel, out, in) and `bias_0` (out).
   */
  constructor(sizes, weights) {
    const { latent, classes, maps, kernels } = sizes;
    this.sizes = sizes;
    this.classes = classes;
    this.weights = weights;
    [this.height, this.width, this.channels] = maps.at(-1);
    const units = maps[0][0] * maps[0][1] * maps[0][2];
    this.latent = new Numbers(1, latent);
    this.projection = new RightFactor(latent, units, (row, column) => weights.project[row * units + column]);
    this.projected = new Numbers(1, this.projection.columns);
    this.base = new Numbers(maps[0][0] * maps[0][1], maps[0][2]);
    this.stages = kernels.map((kernel, index) => ({
      relu: new ReLU(),
      up: new Convolution({
        large: maps[index + 1],
        small: maps[index],
        kernel,
        stride: 2,
        weights: weights[`up_${index}`],
      }),
      bias: weights[`bias_${index}`],
    }));
  }

  /**
   * Generate an image.
   * @param {Float32Array} latent
   * @param {ArrayLike<number>} [classInput] - weights of the classes, which sum to 1.
   * @returns {Float32Array} (height, width, channels), in [-1, 1].
   */
  forward(latent, classInput = []) {
    this.latent.array.set(latent);
    this.projection.multiply(this.latent, this.projected);
    const base = this.base.array;
    const projected = this.projected.array;
    for (let index = 0; index < base.length; index++) base[index] = projected[index] + this.weights.project_bias[index];
    for (let label = 0; label < classInput.length; label++) {
      const factor = classInput[label];
      if (!factor) continue;
      const first = label * base.length;
      for (let index = 0; index < base.length; index++) base[index] += factor * this.weights.project_class[first + index];
    }
    let map = this.base;
    for (const { relu, up, bias } of this.stages) map = addBias(up.transposed(relu.forward(map)), bias);
    this.image = map.array.map(Math.tanh);
    return this.image;
  }

  /**
   * Return the gradient of a loss with respect to the latent vector of the last image, and to its class input.
   *
   * The backward pass of a transposed convolution is a convolution, with the same weights.
   * @param {Float32Array} gradient - of the loss with respect to the image.
   * @returns {{latent: Float32Array, classInput: Float32Array}}
   */
  backward(gradient) {
    const last = this.stages.at(-1).up.largeSide.array;
    for (let index = 0; index < last.length; index++) last[index] = gradient[index] * (1 - this.image[index] ** 2);
    let map = this.stages.at(-1).up.largeSide;
    for (const { relu, up } of [...this.stages].reverse()) map = relu.backward(up.forward(map));
    const { inputs, row, sums } = this.backwardProjection();
    row.array.set(map.array);
    inputs.multiply(row, sums);
    const { latent } = this.sizes;
    return { latent: sums.array.slice(0, latent), classInput: sums.array.slice(latent, latent + this.classes) };
  }

  /** Return the transposed weights of the latent and of the classes, which only the backward pass needs, and room. */
  backwardProjection() {
    const { latent } = this.sizes;
    const units = this.base.array.length;
    return (this.inputs ??= (() => {
      const inputs = new RightFactor(units, latent + this.classes, (unit, input) => {
        return input < latent
          ? this.weights.project[input * units + unit]
          : this.weights.project_class[(input - latent) * units + unit];
      });
      return { inputs, row: new Numbers(1, units), sums: new Numbers(1, inputs.columns) };
    })());
  }
}

/** Return pixels of an image in [-1, 1] as integers from 0 to 255, as `generate.py` rounds them. */
export function pixels(image) {
  return Uint8Array.from(image, (value) => {
    const scaled = Math.min(255, Math.max(0, Math.fround(Math.fround(value + 1) * 127.5)));
    const below = Math.floor(scaled);
    const half = scaled - below === 0.5; // NumPy rounds halves to the even number
    return half ? below + (below % 2) : Math.round(scaled);
  });
}
