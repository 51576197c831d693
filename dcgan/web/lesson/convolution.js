// A convolution of one channel as the sparse matrix C, as dcgan/deconvolution/matrix.py builds it: y = C x. The
// transposed convolution multiplies by the transposed matrix. Images are arrays, row by row.

/** Return the number of outputs along one axis, and the number of zeros before the first input; TensorFlow's rules. */
export function arithmetic(size, kernel, stride, padding) {
  if (padding === "same") {
    const outputs = Math.ceil(size / stride);
    return { outputs, before: Math.floor(Math.max((outputs - 1) * stride + kernel - size, 0) / 2) };
  }
  const before = padding === "valid" ? 0 : padding;
  return { outputs: Math.floor((size + 2 * before - kernel) / stride) + 1, before };
}

export class Convolution {
  /**
   * @param {object} options
   * @param {number} options.size - height and width of the convolution's input.
   * @param {number} options.kernel - height and width of the kernel.
   * @param {number} options.stride - inputs between two outputs' windows.
   * @param {"valid"|"same"|number} options.padding - none, TensorFlow's "same", or the number of zeros on each side.
   */
  constructor({ size, kernel, stride, padding }) {
    Object.assign(this, { size, kernel, stride, padding, ...arithmetic(size, kernel, stride, padding) });
    /** For each output, the products that it sums: the index of an input, and that of a weight. */
    this.rows = [];
    for (let row = 0; row < this.outputs; row++) {
      for (let column = 0; column < this.outputs; column++) {
        const products = [];
        for (let weight = 0; weight < kernel * kernel; weight++) {
          const y = row * stride - this.before + Math.floor(weight / kernel);
          const x = column * stride - this.before + (weight % kernel);
          if (y >= 0 && y < size && x >= 0 && x < size) products.push({ input: y * size + x, weight });
        }
        this.rows.push(products);
      }
    }
    /** For each input, the products of the transposed convolution: the index of an output, and that of a weight. */
    this.columns = Array.from({ length: size * size }, () => []);
    this.rows.forEach((products, output) => {
      for (const { input, weight } of products) this.columns[input].push({ output, weight });
    });
  }

  /** Return y = C x. */
  forward(x, weights) {
    return this.rows.map((products) => products.reduce((sum, { input, weight }) => sum + x[input] * weights[weight], 0));
  }

  /** Return Cᵀ y. */
  transposed(y, weights) {
    return this.columns.map((products) =>
      products.reduce((sum, { output, weight }) => sum + y[output] * weights[weight], 0),
    );
  }

  /** Return C as an array of rows. */
  matrix(weights) {
    return this.rows.map((products) => {
      const row = new Array(this.size * this.size).fill(0);
      for (const { input, weight } of products) row[input] = weights[weight];
      return row;
    });
  }
}
