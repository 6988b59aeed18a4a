/**
 * `numpy.random.default_rng(seed).standard_normal(n)`, bit for bit.
 *
 * SeedSequence spreads the seed over 256 bits (O'Neill 2015), PCG64 (O'Neill 2014, XSL-RR) makes the
 * random bits, and the ziggurat (Marsaglia and Tsang 2000, Doornik 2005) turns them into normal numbers.
 */

import { doublesOf } from "./bytes.js";
import { ZIGGURAT_DENSITIES, ZIGGURAT_LIMITS, ZIGGURAT_WIDTHS } from "./ziggurat.js";

export const MAX_SEED = Number.MAX_SAFE_INTEGER;

const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const PCG_MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

const widths = doublesOf(ZIGGURAT_WIDTHS);
const limits = doublesOf(ZIGGURAT_LIMITS);
const densities = doublesOf(ZIGGURAT_DENSITIES);
const TAIL = widths[255] * 2 ** 52; // where the tail begins

/** The hash of SeedSequence: its constant changes with every use. @param {number} constant @param {number} factor */
function hashFunction(constant, factor) {
  let current = constant;
  return (/** @type {number} */ value) => {
    const mixed = value ^ current;
    current = Math.imul(current, factor);
    const product = Math.imul(mixed, current);
    return product ^ (product >>> 16);
  };
}

/** The first eight 32-bit words of `SeedSequence(seed)`. @param {number} seed @returns {Uint32Array} */
export function seedWords(seed) {
  const entropy = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), 0, 0];
  const hash = hashFunction(0x43b0d7e5, 0x931e8875);
  const pool = entropy.map((word) => hash(word | 0));
  for (let from = 0; from < 4; from += 1) {
    for (let to = 0; to < 4; to += 1) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, hash(pool[from]));
      pool[to] = mixed ^ ((mixed | 0) >>> 16);
    }
  }
  const last = hashFunction(0x8b51f9dd, 0x58f38ded);
  return Uint32Array.from({ length: 8 }, (_, i) => last(pool[i % 4]));
}

class Pcg64 {
  /** @param {number} seed */
  constructor(seed) {
    const words = seedWords(seed);
    const pair = (/** @type {number} */ i) => (BigInt(words[i + 1]) << 32n) | BigInt(words[i]);
    this.increment = (((((pair(4) << 64n) | pair(6)) << 1n) & MASK_128) | 1n);
    this.state = (this.increment + ((pair(0) << 64n) | pair(2))) & MASK_128;
    this.step();
  }

  step() {
    this.state = (this.state * PCG_MULTIPLIER + this.increment) & MASK_128;
  }

  /** 64 random bits. */
  next() {
    this.step();
    const rotation = this.state >> 122n;
    const value = (this.state >> 64n) ^ (this.state & MASK_64);
    return ((value >> rotation) | (value << (64n - rotation))) & MASK_64;
  }

  /** A number of [0, 1) with 53 random bits. */
  uniform() {
    return Number(this.next() >> 11n) * 2 ** -53;
  }
}

/** One standard normal number. @param {Pcg64} bits @returns {number} */
function normal(bits) {
  for (;;) {
    const random = bits.next();
    const low = Number(random & 0x1ffn);
    const layer = low & 255;
    const sign = low & 256 ? -1 : 1;
    const position = Number((random >> 9n) & 0xfffffffffffffn);
    const x = sign * position * widths[layer];
    if (position < limits[layer]) return x;
    if (layer === 0) return tail(bits, position);
    const height = (densities[layer - 1] - densities[layer]) * bits.uniform() + densities[layer];
    if (height < Math.exp(-0.5 * x * x)) return x;
  }
}

/** A number of the tail; its sign is a bit of `position`. @param {Pcg64} bits @param {number} position */
function tail(bits, position) {
  const isNegative = Math.floor(position / 256) % 2 === 1;
  for (;;) {
    const x = -Math.log1p(-bits.uniform()) / TAIL;
    const y = -Math.log1p(-bits.uniform());
    if (y + y > x * x) return isNegative ? -(TAIL + x) : TAIL + x;
  }
}

/**
 * The latent vector of a seed: the same float32 numbers as in the program.
 * @param {number} seed a whole number from 0 to MAX_SEED
 * @param {number} nz
 * @returns {Float32Array}
 */
export function latentOf(seed, nz) {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`A seed is a whole number from 0 to ${MAX_SEED}, not ${seed}.`);
  }
  const bits = new Pcg64(seed);
  return Float32Array.from({ length: nz }, () => normal(bits));
}
