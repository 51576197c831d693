// Convolutional sparse coding of an image of one channel, as dcgan/deconvolution/sparse_coding.py: the code z minimizes
// λ/2 · ‖D z − y‖² + ‖z‖₁, where D z is the transposed convolution of one map per filter.

export class SparseCoding {
  /**
   * @param {Float32Array} filters - (kernel, kernel, 1, count).
   * @param {object} sizes
   * @param {number} sizes.kernel - height and width of a filter, odd.
   * @param {number} sizes.count - number of filters.
   * @param {number} sizes.side - height and width of the image.
   */
  constructor(filters, { kernel, count, side }) {
    Object.assign(this, { filters: Float64Array.from(filters), kernel, count, side });
    this.half = (kernel - 1) / 2;
    this.bound = this.normBound();
  }

  /** Call a function for each row of the overlap of a filter's row and column with the image. */
  forEachTap(call) {
    const { kernel, half, side } = this;
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const [down, right] = [i - half, j - half];
        const [first, end] = [Math.max(0, -right), Math.min(side, side - right)];
        for (let y = Math.max(0, -down); y < Math.min(side, side - down); y++) {
          call(i * kernel + j, y * side + first, (y + down) * side + first + right, end - first);
        }
      }
    }
  }

  /** Return D z. The code has one map after the other. */
  decode(code) {
    const { side, count, filters } = this;
    const image = new Float64Array(side * side);
    for (let filter = 0; filter < count; filter++) {
      const map = code.subarray(filter * side * side, (filter + 1) * side * side);
      if (map.every((value) => value === 0)) continue;
      this.forEachTap((tap, from, to, length) => {
        const weight = filters[tap * count + filter];
        for (let index = 0; index < length; index++) image[to + index] += weight * map[from + index];
      });
    }
    return image;
  }

  /** Return Dᵀ y, the correlation of the image with each filter at each position: a convolution. */
  correlate(image) {
    const { side, count, filters } = this;
    const code = new Float64Array(count * side * side);
    for (let filter = 0; filter < count; filter++) {
      const map = code.subarray(filter * side * side, (filter + 1) * side * side);
      this.forEachTap((tap, to, from, length) => {
        const weight = filters[tap * count + filter];
        for (let index = 0; index < length; index++) map[to + index] += weight * image[from + index];
      });
    }
    return code;
  }

  /** Return an upper bound of ‖D‖²: the largest energy of all filters at a frequency of a circular convolution. */
  normBound() {
    const { kernel, count, filters, side } = this;
    const grid = side + kernel - 1;
    const [cosine, sine] = [Math.cos, Math.sin].map((wave) =>
      Float64Array.from({ length: grid }, (_, index) => wave((2 * Math.PI * index) / grid)),
    );
    let largest = 0;
    for (let u = 0; u < grid; u++) {
      for (let v = 0; v <= grid / 2; v++) {
        const [real, imaginary] = [new Float64Array(count), new Float64Array(count)];
        for (let tap = 0; tap < kernel * kernel; tap++) {
          const phase = (u * Math.floor(tap / kernel) + v * (tap % kernel)) % grid;
          for (let filter = 0; filter < count; filter++) {
            real[filter] += filters[tap * count + filter] * cosine[phase];
            imaginary[filter] += filters[tap * count + filter] * sine[phase];
          }
        }
        largest = Math.max(largest, real.reduce((sum, re, filter) => sum + re ** 2 + imaginary[filter] ** 2, 0));
      }
    }
    return largest;
  }

  /** Return λ/2 · ‖D z − y‖² + ‖z‖₁, from z, λ and perhaps D z. */
  objective(image, code, weight, decoded = this.decode(code)) {
    const error = decoded.reduce((sum, value, index) => sum + (value - image[index]) ** 2, 0);
    return (weight / 2) * error + code.reduce((sum, value) => sum + Math.abs(value), 0);
  }
}

/** The search for a code by FISTA (Beck and Teboulle 2009, equations 4.1 to 4.3), a few steps at a time. */
export class Search {
  /**
   * @param {SparseCoding} coding
   * @param {ArrayLike<number>} image - from 0, the background, to 1.
   * @param {number} weight - λ.
   * @param {Float64Array} [start] - a code to start from.
   */
  constructor(coding, image, weight, start) {
    Object.assign(this, { coding, image, weight });
    this.code = start ?? new Float64Array(coding.count * coding.side ** 2);
    this.extrapolated = this.code;
    this.time = 1;
    this.steps = 0;
  }

  step() {
    const { coding, image, weight, code } = this;
    const error = coding.decode(this.extrapolated).map((value, index) => value - image[index]);
    const gradient = coding.correlate(error);
    const threshold = 1 / (weight * coding.bound);
    const shrunk = this.extrapolated.map((value, index) => {
      const moved = value - gradient[index] / coding.bound;
      return Math.sign(moved) * Math.max(Math.abs(moved) - threshold, 0);
    });
    const time = (1 + Math.sqrt(1 + 4 * this.time ** 2)) / 2;
    this.extrapolated = shrunk.map((value, index) => value + ((this.time - 1) / time) * (value - code[index]));
    Object.assign(this, { code: shrunk, time, steps: this.steps + 1 });
  }
}
