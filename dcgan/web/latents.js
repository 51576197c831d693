// Ways through the latent space, as dcgan/sampling/latents.py and latent_arithmetic.py take them.

const dot = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
const length = (a) => Math.sqrt(dot(a, a));

/** Interpolate linearly. */
export function mix(a, b, t) {
  return a.map((value, index) => (1 - t) * value + t * b[index]);
}

/** Interpolate along a great circle, since normal vectors of many dimensions lie near a sphere (White 2016). */
export function slerp(a, b, t) {
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / (length(a) * length(b)))));
  const sine = Math.sin(angle);
  if (sine < 1e-7) return mix(a, b, t);
  const [from, to] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return a.map((value, index) => from * value + to * b[index]);
}

/** Return a - b + c. */
export function combine(a, b, c) {
  return a.map((value, index) => value - b[index] + c[index]);
}

/** Return a latent moved by multiples of directions. */
export function move(latent, directions, amounts) {
  const moved = Float32Array.from(latent);
  directions.forEach((direction, index) => {
    if (amounts[index]) direction.forEach((value, position) => (moved[position] += amounts[index] * value));
  });
  return moved;
}
