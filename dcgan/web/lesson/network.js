// Trained networks that keep what a backward pass needs: convolutions, BatchNorm, leaky ReLU and max-pooling, as
// dcgan/interpretation/deconvnet.py propagates signals through them. A map is {shape: [height, width, channels], values}.

import { Convolution } from "../layers.js";
import { decodeBase64, decodeFloat16 } from "../model.js";
import { Numbers } from "../matrix.js";

/** Return the numbers of a stored array. */
export const numbers = ({ values }) => decodeFloat16(decodeBase64(values));

/** The rules of the backward pass at a rectifier: from the signal, the output of the forward pass, and the slope. */
export const RULES = {
  gradient: (signal, output, slope) => signal * (output > 0 ? 1 : slope),
  deconvnet: (signal, output, slope) => signal * (signal > 0 ? 1 : slope),
  guided: (signal, output, slope) => signal * (output > 0 ? 1 : slope) * (signal > 0 ? 1 : slope),
};

const fill = (target, values) => {
  target.array.set(values);
  return target;
};

/** A convolution with "same" padding; the stride divides the image. Its backward pass is a transposed convolution. */
class ConvolutionLayer {
  constructor({ stride, kernel, bias }, [height, width, channels]) {
    const [size, , , outputs] = kernel.shape;
    const large = [height, width, channels];
    this.shape = [height / stride, width / stride, outputs];
    this.operator = new Convolution({ large, small: this.shape, kernel: size, stride, weights: numbers(kernel) });
    this.bias = bias ? numbers(bias) : null;
    this.input = new Numbers(height * width, channels);
    this.signal = new Numbers(this.shape[0] * this.shape[1], outputs);
  }

  forward(values) {
    const result = Float32Array.from(this.operator.forward(fill(this.input, values)).array);
    if (this.bias) result.forEach((_, index) => (result[index] += this.bias[index % this.bias.length]));
    return result;
  }

  backward(signal) {
    return Float32Array.from(this.operator.transposed(fill(this.signal, signal)).array);
  }
}

/** BatchNorm after training: a factor and a shift for each channel. The backward pass is the factor alone. */
class NormLayer {
  constructor({ scale, shift }, shape) {
    Object.assign(this, { shape, scale: numbers(scale), shift: numbers(shift) });
  }

  forward(values) {
    const { scale, shift } = this;
    return values.map((value, index) => value * scale[index % scale.length] + shift[index % scale.length]);
  }

  backward(signal) {
    return signal.map((value, index) => value * this.scale[index % this.scale.length]);
  }
}

/** Leaky ReLU; the rule decides what passes in the backward pass. */
class LeakyLayer {
  constructor({ slope }, shape) {
    Object.assign(this, { shape, slope });
  }

  forward(values) {
    this.output = values.map((value) => (value > 0 ? value : value * this.slope));
    return this.output;
  }

  backward(signal, rule) {
    return signal.map((value, index) => RULES[rule](value, this.output[index], this.slope));
  }
}

/** Max-pooling, which keeps its switches; the backward pass is unpooling with them. */
class PoolingLayer {
  constructor({ size }, [height, width, channels]) {
    Object.assign(this, { size, inputLength: height * width * channels, width });
    this.shape = [height / size, width / size, channels];
  }

  forward(values) {
    const { size, width } = this;
    const [rows, columns, channels] = this.shape;
    const result = new Float32Array(rows * columns * channels);
    this.switches = new Uint32Array(result.length);
    for (let index = 0; index < result.length; index++) {
      const channel = index % channels;
      const cell = Math.floor(index / channels);
      const [row, column] = [Math.floor(cell / columns) * size, (cell % columns) * size];
      let best = (row * width + column) * channels + channel;
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const at = ((row + i) * width + column + j) * channels + channel;
          if (values[at] > values[best]) best = at;
        }
      }
      result[index] = values[best];
      this.switches[index] = best;
    }
    return result;
  }

  backward(signal) {
    const result = new Float32Array(this.inputLength);
    signal.forEach((value, index) => (result[this.switches[index]] += value));
    return result;
  }
}

const LAYERS = { convolution: ConvolutionLayer, norm: NormLayer, leaky: LeakyLayer, pooling: PoolingLayer };

/** A chain of layers. */
export class Chain {
  /**
   * @param {object[]} layers - as dcgan/lesson/networks.py describes them.
   * @param {number[]} shape - [height, width, channels] of the image.
   */
  constructor(layers, shape) {
    this.layers = [];
    for (const content of layers) {
      const layer = new LAYERS[content.type](content, shape);
      this.layers.push({ name: content.name, layer });
      ({ shape } = layer);
    }
    this.shape = shape;
  }

  /** Return the output of every layer for an image, by name. */
  forward(image) {
    const outputs = {};
    let values = Float32Array.from(image);
    for (const { name, layer } of this.layers) {
      values = layer.forward(values);
      outputs[name] = { shape: layer.shape, values };
    }
    return outputs;
  }

  /** Propagate a signal from the output of a layer back to the pixels of the last image. */
  project(signal, last, rule) {
    const end = this.layers.findIndex(({ name }) => name === last);
    return this.layers
      .slice(0, end + 1)
      .reduceRight((values, { layer }) => layer.backward(values, rule), Float32Array.from(signal));
  }
}

/** Upsample a map by a factor, bilinearly: a transposed convolution that does not mix the channels. */
export function upsampleMap({ shape: [height, width, channels], values }, factor) {
  const size = 2 * factor - (factor % 2);
  const before = Math.floor((size - factor) / 2);
  const tent = Array.from({ length: size }, (_, index) => 1 - Math.abs(index - (size - 1) / 2) / factor);
  const along = (count, inner, source) => {
    const result = new Float32Array(source.length * factor);
    for (let outer = 0; outer < source.length / (count * inner); outer++) {
      for (let position = 0; position < count; position++) {
        for (let tap = 0; tap < size; tap++) {
          const to = position * factor - before + tap;
          if (to < 0 || to >= count * factor) continue;
          const [from, at] = [(outer * count + position) * inner, (outer * count * factor + to) * inner];
          for (let index = 0; index < inner; index++) result[at + index] += tent[tap] * source[from + index];
        }
      }
    }
    return result;
  };
  const rows = along(height, width * channels, values);
  return { shape: [height * factor, width * factor, channels], values: along(width, channels, rows) };
}

/** A fully convolutional network: scores of the maps of several strides, added from coarse to fine. */
export class Segmenter {
  /**
   * @param {object} content - the trunk's layers, and the score layers by stride.
   * @param {number[]} shape - [height, width, channels] of the image.
   */
  constructor({ trunk, scores }, shape) {
    this.trunk = new Chain(trunk, shape);
    this.size = shape.slice(0, 2);
    this.scores = scores;
    this.strides = Object.keys(scores).map(Number).toSorted((a, b) => b - a);
    this.heads = {};
  }

  /** Return the scores of each stride, [height, width, labels] each; finer ones contain the coarser ones. */
  forward(image) {
    const maps = Object.values(this.trunk.forward(image)).toReversed();
    const result = {};
    let coarser = null;
    for (const stride of this.strides) {
      const map = maps.find(({ shape }) => shape[0] * stride === this.size[0]); // the last one of its size
      const head = (this.heads[stride] ??= new ConvolutionLayer(this.scores[stride], map.shape));
      const values = head.forward(map.values);
      if (coarser) upsampleMap(coarser, 2).values.forEach((value, index) => (values[index] += value));
      coarser = { shape: head.shape, values };
      result[stride] = coarser;
    }
    return result;
  }
}

/** Return the label with the largest logit at each pixel. */
export function labels({ shape: [height, width, channels], values }) {
  return Uint8Array.from({ length: height * width }, (_, pixel) => {
    let best = 0;
    for (let label = 1; label < channels; label++) {
      if (values[pixel * channels + label] > values[pixel * channels + best]) best = label;
    }
    return best;
  });
}
