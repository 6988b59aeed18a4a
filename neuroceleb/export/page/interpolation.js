/** Interpolation between latent vectors, as in the program (neuroceleb/latent/interpolation.py). */

const PARALLEL = 1e-6; // sine of the angle below which two directions count as parallel

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i] * b[i];
  return sum;
}

/** @param {Float32Array} a @param {Float32Array} b @param {number} t in [0, 1] */
export function lerp(a, b, t) {
  return a.map((value, i) => (1 - t) * value + t * b[i]);
}

/**
 * Along the sphere; linear where the directions are parallel or opposite.
 * @param {Float32Array} a @param {Float32Array} b @param {number} t in [0, 1]
 */
export function slerp(a, b, t) {
  if (t === 0) return a;
  if (t === 1) return b;
  const lengths = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  const angle = Math.acos(Math.min(1, Math.max(-1, lengths ? dot(a, b) / lengths : 1)));
  if (Math.sin(angle) < PARALLEL) return lerp(a, b, t);
  const [fa, fb] = [Math.sin((1 - t) * angle), Math.sin(t * angle)];
  return a.map((value, i) => (fa * value + fb * b[i]) / Math.sin(angle));
}

/**
 * The point at a position of a path: 0 is the first key, 1 the second, 1.5 half-way to the third.
 * @param {Float32Array[]} keys @param {number} position
 */
export function pointOf(keys, position) {
  const index = Math.min(Math.floor(position), keys.length - 2);
  return slerp(keys[index], keys[index + 1], position - index);
}
