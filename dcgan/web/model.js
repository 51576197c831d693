// A run as a page holds it: its generator and classes, and what can be asked of them.

import { Classes } from "./classes.js";
import { Generator, pixels } from "./generator.js";
import { latent } from "./random.js";

/** Return the bytes of a base64 text. */
export function decodeBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Return float16 numbers (little-endian) as float32. */
export function decodeFloat16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => {
    const half = view.getUint16(2 * index, true);
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const value = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    return half >> 15 ? -value : value;
  });
}

export class Model {
  /**
   * @param {object} content - as `dcgan.export.web_page.page_content` returns it.
   * @param {Uint8Array} bytes - the weights, float16, one array after the other.
   */
  constructor(content, bytes) {
    const weights = {};
    let first = 0;
    for (const [name, size] of content.weights) {
      weights[name] = decodeFloat16(bytes.subarray(first, first + 2 * size));
      first += 2 * size;
    }
    this.content = content;
    this.classes = new Classes(content.classes);
    this.generator = new Generator(content.sizes, weights);
    this.directions = content.directions.map(({ name, values }) => ({ name, values: Float32Array.from(values) }));
    const { height, width, channels } = this.generator;
    this.shape = { height, width, channels };
  }

  latent(seed) {
    return latent(seed, this.content.sizes.latent);
  }

  /** Return the point of a seed: latent vector and class input. */
  point(seed, label = null) {
    return { latent: this.latent(seed), classInput: this.classes.input(seed, label) };
  }

  /** Generate the image of a point. */
  image({ latent, classInput }) {
    return { ...this.shape, data: pixels(this.generator.forward(latent, classInput)) };
  }

  /**
   * Compare the images of some seeds with those that were stored when the page was written.
   * @returns {number} the largest difference, in 1/255.
   */
  selfCheck() {
    let largest = 0;
    for (const { seed, pixels } of this.content.references) {
      const expected = decodeBase64(pixels);
      const { data } = this.image(this.point(seed));
      if (expected.length !== data.length) return Infinity;
      data.forEach((value, index) => (largest = Math.max(largest, Math.abs(value - expected[index]))));
    }
    return largest;
  }
}
