// The layers of a DCGAN, forward and backward, for one image. An image or feature map of height h, width w and c
// channels is stored as `Numbers` of h * w rows and c columns.

import { Numbers, RightFactor } from "./matrix.js";

/**
 * A convolution C, and the transposed convolution: the same weights, multiplied with the transposed matrix.
 *
 * The convolution has a large input and a small output; the transposed one has a small input and a large output. Each
 * is the backward pass of the other one. The kernel has the layout that Keras uses for both layers: height, width,
 * channels of the large side, channels of the small side.
 */
export class Convolution {
  /**
   * @param {object} options
   * @param {number[]} options.large - [height, width, channels] of the large side.
   * @param {number[]} options.small - [height, width, channels] of the small side.
   * @param {number} options.kernel - height and width of the kernel.
   * @param {number} options.stride - distance of two patches of the large side, in pixels.
   * @param {Float32Array} options.weights - the kernel.
   */
  constructor({ large, small, kernel, stride, weights }) {
    Object.assign(this, { large, small, kernel, stride, weights });
    this.padding = Math.max(0, Math.floor((kernel - stride) / 2)); // rows of zeros above, as with "same" in Keras
    this.patchSize = kernel * kernel * large[2];
    this.rows = small[0] * small[1];
    this.largeSide = new Numbers(large[0] * large[1], large[2]);
    this.smallSide = new Numbers(this.rows, small[2]);
    this.cache = {};
  }

  /** Make something when it is needed for the first time. */
  once(name, make) {
    return (this.cache[name] ??= make());
  }

  /**
   * Return the small output of the convolution for a large input: one product of its patches with the kernel.
   * @param {Numbers} input - the large side.
   * @returns {Numbers} the small side; it is valid until the next call.
   */
  forward(input) {
    const [, , channels] = this.small;
    const factor = this.once("matrix", () => {
      return new RightFactor(this.patchSize, channels, (row, column) => this.weights[row * channels + column]);
    });
    const patches = this.once("patches", () => new Numbers(this.rows, this.patchSize));
    const product = this.once("sums", () => new Numbers(this.rows, factor.columns));
    this.gather(input.array, patches.array);
    factor.multiply(patches, product);
    const [from, to] = [product.array, this.smallSide.array];
    for (let row = 0; row < this.rows; row++) {
      for (let c = 0; c < channels; c++) to[row * channels + c] = from[row * factor.columns + c];
    }
    return this.smallSide;
  }

  /**
   * Return the large output of the transposed convolution for a small input: every pixel adds a copy of the kernel.
   * @param {Numbers} input - the small side.
   * @returns {Numbers} the large side; it is valid until the next call.
   */
  transposed(input) {
    const [, , channels] = this.small;
    const factor = this.once("transposedMatrix", () => {
      return new RightFactor(channels, this.patchSize, (row, column) => this.weights[column * channels + row]);
    });
    const product = this.once("stamps", () => new Numbers(this.rows, factor.columns));
    factor.multiply(input, product);
    const large = this.largeSide.array;
    large.fill(0);
    this.scatter(product.array, factor.columns, large);
    return this.largeSide;
  }

  /** Call a function for each row of each patch: the first index in the patch and in the large side, and a length. */
  forEachRow(patchStride, call) {
    const [height, width, channels] = this.large;
    const [rows, columns] = this.small;
    const { kernel, stride, padding } = this;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const left = x * stride - padding;
        const first = Math.max(0, -left);
        const end = Math.min(kernel, width - left);
        for (let row = 0; row < kernel; row++) {
          const line = y * stride - padding + row;
          if (line < 0 || line >= height || end <= first) continue;
          const inPatch = (y * columns + x) * patchStride + (row * kernel + first) * channels;
          call(inPatch, (line * width + left + first) * channels, (end - first) * channels);
        }
      }
    }
  }

  /** Copy the patches of the large side. */
  gather(large, patches) {
    patches.fill(0);
    this.forEachRow(this.patchSize, (to, from, length) => {
      for (let index = 0; index < length; index++) patches[to + index] = large[from + index];
    });
  }

  /** Add patches to the large side, where they overlap. */
  scatter(patches, patchStride, large) {
    this.forEachRow(patchStride, (from, to, length) => {
      for (let index = 0; index < length; index++) large[to + index] += patches[from + index];
    });
  }
}

/** Add a bias to every pixel, in place. */
export function addBias(numbers, bias) {
  const { array, columns } = numbers;
  for (let first = 0; first < array.length; first += columns) {
    for (let channel = 0; channel < columns; channel++) array[first + channel] += bias[channel];
  }
  return numbers;
}

/** ReLU, and with a slope leaky ReLU, in place. */
export class ReLU {
  constructor(slope = 0) {
    this.slope = slope;
  }

  forward(numbers) {
    const { array } = numbers;
    this.negative = this.negative?.length === array.length ? this.negative : new Uint8Array(array.length);
    for (let index = 0; index < array.length; index++) {
      const negative = array[index] < 0;
      this.negative[index] = negative;
      if (negative) array[index] *= this.slope;
    }
    return numbers;
  }

  backward(gradient) {
    const { array } = gradient;
    for (let index = 0; index < array.length; index++) if (this.negative[index]) array[index] *= this.slope;
    return gradient;
  }
}
