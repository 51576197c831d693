// The classes of a conditional generator and their clusters, as dcgan/core/classes.py assigns them to seeds.

const GOLDEN = 11400714819323198485n; // 2^64 divided by the golden ratio
const SQRT_HALF = 13043817825332782212n; // 2^64 divided by the square root of 2

/** Return where a seed lies in the unit interval; consecutive seeds are evenly distributed. */
function position(seed, multiplier) {
  return Number(BigInt.asUintN(64, BigInt(seed) * multiplier)) / 2 ** 64;
}

/** Return the number of the part of the unit interval in which a position lies. */
function part(position, fractions) {
  let end = 0;
  for (let index = 0; index < fractions.length - 1; index++) {
    end += fractions[index];
    if (position < end) return index;
  }
  return fractions.length - 1;
}

export class Classes {
  /**
   * @param {object} content - that of `classes.json`; null for an unconditional generator.
   * @param {string[]} content.names
   * @param {number[]} content.probabilities
   * @param {number[][]} [content.clusters]
   */
  constructor(content) {
    this.names = content?.names ?? [];
    this.probabilities = content?.probabilities ?? [];
    this.clusters = content?.clusters ?? [];
    const sizes = this.names.map((_, label) => this.clusters[label]?.length ?? 1);
    this.first = sizes.map((_, label) => sizes.slice(0, label).reduce((sum, size) => sum + size, 0));
    this.length = sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Whether there are several classes to choose from, and not only clusters. */
  get labeled() {
    return this.names.length > 1;
  }

  /** Return the class of a seed's image if none is chosen. */
  labelOf(seed) {
    return this.labeled ? part(position(seed, GOLDEN), this.probabilities) : 0;
  }

  /**
   * Return the class input for a seed.
   * @param {number|bigint} seed
   * @param {number|null} [label] - a class; by default that of the seed.
   * @returns {Float32Array} one-hot; empty for an unconditional generator.
   */
  input(seed, label = null) {
    const input = new Float32Array(this.length);
    if (!this.length) return input;
    label ??= this.labelOf(seed);
    const clusters = this.clusters[label];
    input[this.first[label] + (clusters ? part(position(seed, SQRT_HALF), clusters) : 0)] = 1;
    return input;
  }
}
