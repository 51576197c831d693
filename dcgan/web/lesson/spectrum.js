// Spectra of square images, and the measure of dcgan/deconvolution/checkerboard.py.

const REACH = 2; // neighbors on each side of a point of the spectrum that it is compared with

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/** Return the energy |DFT|² of each frequency of an image without its mean. */
export function spectrum(image) {
  const side = Math.sqrt(image.length);
  const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
  const [cosine, sine] = [Math.cos, Math.sin].map((wave) =>
    Float64Array.from({ length: side }, (_, index) => wave((2 * Math.PI * index) / side)),
  );
  /** Transform the rows, and transpose. */
  const transform = ([real, imaginary]) => {
    const result = [new Float64Array(side * side), new Float64Array(side * side)];
    for (let row = 0; row < side; row++) {
      for (let frequency = 0; frequency < side; frequency++) {
        let [re, im] = [0, 0];
        for (let x = 0; x < side; x++) {
          const [c, s] = [cosine[(x * frequency) % side], sine[(x * frequency) % side]];
          re += real[row * side + x] * c + imaginary[row * side + x] * s;
          im += imaginary[row * side + x] * c - real[row * side + x] * s;
        }
        result[0][frequency * side + row] = re;
        result[1][frequency * side + row] = im;
      }
    }
    return result;
  };
  const [real, imaginary] = transform(
    transform([Float64Array.from(image, (value) => value - mean), new Float64Array(image.length)]),
  );
  return real.map((value, index) => value ** 2 + imaginary[index] ** 2);
}

/** Return the points of a spectrum that belong to a pattern of a period, [row, column] each. */
export function points(side, period) {
  const found = [];
  for (let a = 0; a < period; a++) {
    for (let b = 0; b < period; b++) {
      if (gcd(gcd(a, b), period) === 1) found.push([(a * side) / period, (b * side) / period]);
    }
  }
  return found;
}

/**
 * Return the fraction of an image's energy that is a pattern of a period: what its points exceed their neighbors by.
 * @param {ArrayLike<number>} energy - a spectrum.
 * @param {number} period - it divides the side, and fits three times or more.
 */
export function checkerboardEnergy(energy, period) {
  const side = Math.sqrt(energy.length);
  const total = energy.reduce((sum, value) => sum + value, 0);
  if (total < 1e-12) return 0;
  const steps = [];
  for (let step = -REACH; step <= REACH; step++) if (step) steps.push(step);
  const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const around = (index) => (index + side) % side;
  let excess = 0;
  for (const [row, column] of points(side, period)) {
    const inRow = average(steps.map((step) => energy[row * side + around(column + step)]));
    const inColumn = average(steps.map((step) => energy[around(row + step) * side + column]));
    excess += Math.max(energy[row * side + column] - Math.max(inRow, inColumn), 0);
  }
  return excess / total;
}
