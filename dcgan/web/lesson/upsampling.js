// Methods of upsampling square images of one channel, as dcgan/deconvolution/{unsampling,unpooling,kernels}.py.

import { Convolution } from "./convolution.js";

const sideOf = (image) => Math.sqrt(image.length);

/** Make a square image from a function of row and column. */
function build(side, value) {
  return Array.from({ length: side * side }, (_, index) => value(Math.floor(index / side), index % side));
}

/** Return one kernel of 4x4 for each fixed method, for a factor of 2; the smaller ones have a border of zeros. */
export const KERNELS = {
  "zero insertion": build(4, (row, column) => Number(row === 1 && column === 1)),
  nearest: build(4, (row, column) => Number(row > 0 && row < 3 && column > 0 && column < 3)),
  bilinear: build(4, (row, column) => (1 - Math.abs(row - 1.5) / 2) * (1 - Math.abs(column - 1.5) / 2)),
};

/** Upsample by a transposed convolution with "same" padding: each pixel adds a copy of the kernel. */
export function upsample(image, weights, factor) {
  const options = { size: factor * sideOf(image), kernel: sideOf(weights), stride: factor, padding: "same" };
  return new Convolution(options).transposed(image, weights);
}

/** Move each pixel to the upper left of a block of zeros. */
export function insertZeros(image, factor) {
  const side = sideOf(image);
  return build(factor * side, (row, column) =>
    row % factor || column % factor ? 0 : image[(row / factor) * side + column / factor],
  );
}

/** Upsample by inserting zeros, and a convolution of stride 1 with the flipped kernel. */
export function insertZerosAndConvolve(image, weights, factor) {
  const spread = insertZeros(image, factor);
  const [size, kernel] = [sideOf(spread), sideOf(weights)];
  const before = kernel - 1 - Math.floor((kernel - factor) / 2); // what "same" padding of the stride leaves
  return build(size, (row, column) => {
    let sum = 0;
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const [y, x] = [row + i - before, column + j - before];
        if (y >= 0 && y < size && x >= 0 && x < size) sum += spread[y * size + x] * weights.at(-1 - i * kernel - j);
      }
    }
    return sum;
  });
}

/** Repeat each pixel (nearest neighbor, "unsampling"). */
export function repeat(image, factor) {
  const side = sideOf(image);
  return build(factor * side, (row, column) => image[Math.floor(row / factor) * side + Math.floor(column / factor)]);
}

/**
 * Return the kernel with which a transposed convolution does the same as nearest neighbor and then a transposed
 * convolution of stride 1: the sum of copies at all positions of a block.
 */
export function afterRepeat(weights, factor) {
  const side = sideOf(weights);
  const inside = (at) => at >= 0 && at < side;
  return build(side + factor - 1, (row, column) => {
    let sum = 0;
    for (let i = row - factor + 1; i <= row; i++) {
      for (let j = column - factor + 1; j <= column; j++) if (inside(i) && inside(j)) sum += weights[i * side + j];
    }
    return sum;
  });
}

/** Interleave factor² images: each becomes one position of every block (sub-pixel, `tf.nn.depth_to_space`). */
export function interleave(images, factor) {
  const side = sideOf(images[0]);
  return build(factor * side, (row, column) => {
    const position = (row % factor) * factor + (column % factor);
    return images[position][Math.floor(row / factor) * side + Math.floor(column / factor)];
  });
}

/** Upsample by one small convolution for each position of a block, and interleaving the results. */
export function convolveAndInterleave(image, weights, factor) {
  const [side, kernel] = [sideOf(image), sideOf(weights)];
  const before = Math.floor((kernel - factor) / 2);
  const taps = (position) => {
    const list = [];
    for (let tap = (position + before) % factor; tap < kernel; tap += factor) {
      list.push([tap, Math.floor((position + before - tap) / factor)]); // an index of the kernel, and an offset
    }
    return list;
  };
  const phases = build(factor, (row, column) =>
    build(side, (y, x) => {
      let sum = 0;
      for (const [i, down] of taps(row)) {
        for (const [j, right] of taps(column)) {
          const [from, at] = [y + down, x + right];
          if (from >= 0 && from < side && at >= 0 && at < side) {
            sum += image[from * side + at] * weights[i * kernel + j];
          }
        }
      }
      return sum;
    }),
  );
  return interleave(phases, factor);
}

/** Return the maximum of each block, and its switch: the index of the first maximum in the image. */
export function maxPool(image, size) {
  const side = sideOf(image);
  const pooled = [];
  const switches = build(side / size, (row, column) => {
    let best = row * size * side + column * size;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const index = (row * size + i) * side + column * size + j;
        if (image[index] > image[best]) best = index;
      }
    }
    pooled.push(image[best]);
    return best;
  });
  return { pooled, switches };
}

/** Write each value to its switch; all other pixels are 0. */
export function maxUnpool(pooled, switches, side) {
  const image = new Array(side * side).fill(0);
  pooled.forEach((value, index) => (image[switches[index]] += value));
  return image;
}
