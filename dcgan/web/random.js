// The latents of seeds, as dcgan/sampling/latents.py makes them: NumPy's Philox4x64-10 (Salmon et al. 2011) and its
// standard normal numbers in float32, which are the ziggurat method (Marsaglia and Tsang 2000) with 256 strips.

const MASK = (1n << 64n) - 1n;
const MULTIPLIERS = [0xd2e7470ee14c6c93n, 0xca5a826395121157n];
const KEY_INCREMENTS = [0x9e3779b97f4a7c15n, 0xbb67ae8584caa73bn];
const ROUNDS = 10;
const PURPOSE = 1n; // second half of the key, as in latents.py

/** Return four random words (BigInt, 64 bits) for a counter of four words and a key of two. */
function philox(counter, key) {
  let [a, b, c, d] = counter;
  let [k, l] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const first = MULTIPLIERS[0] * a;
    const second = MULTIPLIERS[1] * c;
    [a, b, c, d] = [(second >> 64n) ^ b ^ k, second & MASK, (first >> 64n) ^ d ^ l, first & MASK];
    k = (k + KEY_INCREMENTS[0]) & MASK;
    l = (l + KEY_INCREMENTS[1]) & MASK;
  }
  return [a, b, c, d];
}

/** Return a function that returns the next random integer of 32 bits. */
function words(seed) {
  let block = 0n;
  let buffer = [];
  return () => {
    if (!buffer.length) {
      block += 1n;
      for (const word of philox([block, 0n, 0n, 0n], [seed, PURPOSE])) {
        buffer.push(Number(word & 0xffffffffn), Number(word >> 32n));
      }
    }
    return buffer.shift();
  };
}

const STRIPS = 256;
const TAIL = 3.6541528853610088; // where the tail begins
const AREA = 0.00492867323399; // of each strip
const SCALE = 2 ** 23;

/** Return, for each strip, its width and height, and how many of 2^23 points across are inside of the density. */
function strips() {
  const width = new Float32Array(STRIPS);
  const height = new Float32Array(STRIPS);
  const inside = new Uint32Array(STRIPS);
  const density = (x) => Math.exp(-0.5 * x * x);
  let outer = TAIL;
  inside[0] = (TAIL * density(TAIL) * SCALE) / AREA;
  width[0] = AREA / density(TAIL) / SCALE;
  height[0] = 1;
  for (let strip = STRIPS - 1; strip > 0; strip--) {
    width[strip] = outer / SCALE;
    height[strip] = density(outer);
    const inner = strip > 1 ? Math.sqrt(-2 * Math.log(AREA / outer + density(outer))) : 0;
    inside[strip] = (inner / outer) * SCALE;
    outer = inner;
  }
  return { width, height, inside };
}

const { width, height, inside } = strips();

/** Return the next standard normal number, float32. */
function normal(next) {
  const uniform = () => (next() >>> 8) / 2 ** 24;
  for (;;) {
    const bits = next();
    const strip = bits & 0xff;
    const sign = (bits >>> 8) & 1 ? -1 : 1;
    const across = (bits >>> 9) & 0x7fffff;
    const x = Math.fround(across * width[strip]);
    if (across < inside[strip]) return sign * x;
    if (strip === 0) {
      for (;;) {
        const beyond = Math.fround(-Math.log1p(-uniform()) / TAIL);
        const y = -Math.log1p(-uniform());
        if (y + y > beyond * beyond) return ((across >>> 8) & 1 ? -1 : 1) * Math.fround(TAIL + beyond);
      }
    }
    const y = (height[strip - 1] - height[strip]) * uniform() + height[strip];
    if (y < Math.exp(-0.5 * x * x)) return sign * x;
  }
}

/**
 * Return the latent vector of a seed.
 * @param {number|bigint} seed - from 0 to 2^63 - 1; a number is exact up to 2^53.
 * @param {number} size - length of the vector.
 * @returns {Float32Array} standard normal numbers, those of NumPy.
 */
export function latent(seed, size) {
  const next = words(BigInt(seed));
  return Float32Array.from({ length: size }, () => normal(next));
}
