// Minimization in a ball: L-BFGS (Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 7.5). On the
// sphere around the ball, where the gradient points out of it, the search stays on the sphere.

const PAIRS = 12; // differences of points and gradients from which the curvature is estimated
const SUFFICIENT = 1e-4; // of the decrease that the gradient promises
const SHRINK = 0.4; // factor of a step that was too long
const SHORTEST = 1e-3; // step below which the estimate of the curvature is forgotten

const dot = (a, b) => {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index] * b[index];
  return sum;
};

/** Add a multiple of b to a, in place. */
const addTo = (a, factor, b) => {
  for (let index = 0; index < a.length; index++) a[index] += factor * b[index];
};

const minus = (a, b) => a.map((value, index) => value - b[index]);

export class Lbfgs {
  /**
   * @param {ArrayLike<number>} point - where to start.
   * @param {number} radius - of the ball around the origin.
   * @param {(point: Float64Array) => {value: number, gradient: ArrayLike<number>}} evaluate - of the function to
   *   minimize.
   */
  constructor(point, radius, evaluate) {
    this.point = Float64Array.from(point);
    this.radius = radius;
    this.evaluate = evaluate;
    this.value = Infinity;
    this.pairs = [];
    this.converged = false;
    this.shorten(this.point);
  }

  /** Evaluate the function once: accept the next point, or shorten the step. Nothing happens after convergence. */
  step() {
    if (this.converged) return;
    if (!this.gradient) {
      const { value, gradient } = this.evaluate(this.point);
      Object.assign(this, { value, gradient: this.inBall(this.point, Float64Array.from(gradient)) });
      this.turn();
      return;
    }
    const trial = Float64Array.from(this.point);
    addTo(trial, this.stepSize, this.direction);
    this.shorten(trial);
    const move = minus(trial, this.point);
    const { value, gradient } = this.evaluate(trial);
    if (value <= this.value + SUFFICIENT * dot(this.gradient, move)) {
      this.accept(trial, value, this.inBall(trial, Float64Array.from(gradient)), move);
      return;
    }
    this.stepSize *= SHRINK;
    if (this.stepSize >= SHORTEST) return;
    this.converged = this.pairs.length === 0;
    this.pairs = [];
    this.turn();
  }

  accept(point, value, gradient, move) {
    const change = minus(gradient, this.gradient);
    const curvature = dot(move, change);
    if (curvature > 1e-10 * Math.sqrt(dot(move, move) * dot(change, change))) {
      this.pairs.push({ move, change, curvature });
      if (this.pairs.length > PAIRS) this.pairs.shift();
    }
    Object.assign(this, { point, value, gradient });
    this.turn();
  }

  /** Set the direction of the next steps: the gradient times an estimate of the inverse second derivative. */
  turn() {
    this.stepSize = 1;
    const direction = this.gradient.map((value) => -value);
    const factors = this.pairs.map(() => 0);
    for (let index = this.pairs.length - 1; index >= 0; index--) {
      const { move, change, curvature } = this.pairs[index];
      factors[index] = dot(move, direction) / curvature;
      addTo(direction, -factors[index], change);
    }
    const last = this.pairs.at(-1);
    const length = Math.sqrt(dot(direction, direction));
    if (length === 0) this.converged = true;
    const scale = last ? last.curvature / dot(last.change, last.change) : 1 / (length || 1); // first step: length 1
    for (let index = 0; index < direction.length; index++) direction[index] *= scale;
    this.pairs.forEach(({ move, change, curvature }, index) => {
      addTo(direction, factors[index] - dot(change, direction) / curvature, move);
    });
    if (this.onSphere(this.point)) this.removeOutward(this.point, direction, 1);
    this.direction = direction;
    if (dot(direction, this.gradient) >= 0 && this.pairs.length) {
      this.pairs = [];
      this.turn();
    }
  }

  onSphere(point) {
    return dot(point, point) >= (this.radius * (1 - 1e-6)) ** 2;
  }

  /** Remove the part of a vector that points out of the ball (sign 1), or into it (sign -1); return the vector. */
  removeOutward(point, vector, sign) {
    const outward = dot(point, vector) / dot(point, point);
    if (sign * outward > 0) addTo(vector, -outward, point);
    return vector;
  }

  /** Return a gradient without what leads out of the ball. */
  inBall(point, gradient) {
    return this.onSphere(point) ? this.removeOutward(point, gradient, -1) : gradient;
  }

  /** Move a point that is outside of the ball onto the sphere. */
  shorten(point) {
    const length = Math.sqrt(dot(point, point));
    if (length <= this.radius) return;
    for (let index = 0; index < point.length; index++) point[index] *= this.radius / length;
  }
}
