/**
 * The generator: a latent vector to the pixels of a face.
 *
 * @typedef {object} ModelData
 * @property {number} nz
 * @property {number[]} channels of the output of each of the five convolutions; the last is 3
 * @property {number} bits of a weight: 16, float16, or 24, the upper bytes of float32
 * @property {string} weights base64, of each layer [input][output][4][4]
 * @property {string} scales base64 of float64: the factor of each output channel (from BatchNorm)
 * @property {string} shifts base64 of float32: what is added to it
 * @property {string} kernel base64 of kernel.wasm
 */

import { bytesOf, doublesOf, float16Values, floatsOf } from "./bytes.js";
import { blockOf, scriptKernel, wasmKernel } from "./kernels.js";

export const SIDE = 64;

/** @typedef {{cin: number, cout: number, realIn: number, realOut: number, weights: number, bias: number, out: number, size: number}} Layer */

const padded = (/** @type {number} */ channels) => Math.ceil(channels / 4) * 4;

/**
 * Where each layer's weights, biases and output lie in memory. `size` is the side of its output.
 * @param {ModelData} model @returns {{layers: Layer[], z: number, floats: number}}
 */
function layout(model) {
  let floats = padded(model.nz);
  const take = (/** @type {number} */ count) => (floats += padded(count)) - padded(count);
  const layers = model.channels.map((realOut, index) => {
    const realIn = index ? model.channels[index - 1] : model.nz;
    const [cin, cout, size] = [index ? padded(realIn) : realIn, padded(realOut), 4 << index];
    const [weights, bias] = [take(16 * cin * cout), take(cout)];
    return { cin, cout, realIn, realOut, weights, bias, out: take((size + 2) ** 2 * cout), size };
  });
  return { layers, z: 0, floats };
}

/**
 * The index of a weight among those of its layer, as kernel.c reads them.
 * @param {Layer} layer @param {boolean} isFirst
 * @returns {(i: number, o: number, ky: number, kx: number) => number}
 */
function packing({ cin, cout }, isFirst) {
  if (isFirst) return (i, o, ky, kx) => (i * 16 + ky * 4 + kx) * cout + o;
  const block = blockOf(cout);
  return (i, o, ky, kx) => {
    const parity = 2 * ((ky + 1) % 2) + ((kx + 1) % 2);
    const tap = 2 * (1 - (ky >> 1)) + (1 - (kx >> 1));
    const group = parity * (cout / block) + Math.floor(o / block);
    return ((group * 4 + tap) * cin + i) * block + (o % block);
  };
}

export class Generator {
  /** @param {ModelData} model @param {"wasm" | "script"} [preferred] */
  constructor(model, preferred = "wasm") {
    const { layers, floats } = layout(model);
    this.nz = model.nz;
    this.layers = layers;
    this.kernel = chooseKernel(model, floats, preferred);
    this.load(model);
  }

  /** Unpack the weights, and fold BatchNorm into them. @param {ModelData} model */
  load(model) {
    const weights = weightsOf(model);
    const [scales, shifts] = [doublesOf(model.scales), floatsOf(model.shifts)];
    const { memory } = this.kernel;
    let [weight, channel] = [0, 0];
    this.layers.forEach((layer, index) => {
      const place = packing(layer, index === 0);
      memory.set(shifts.subarray(channel, channel + layer.realOut), layer.bias);
      for (let i = 0; i < layer.realIn; i += 1) {
        for (let o = 0; o < layer.realOut; o += 1) {
          const scale = scales[channel + o];
          for (let k = 0; k < 16; k += 1, weight += 1) {
            memory[layer.weights + place(i, o, k >> 2, k & 3)] = weights(weight) * scale;
          }
        }
      }
      channel += layer.realOut;
    });
  }

  /**
   * The face of a latent vector.
   * @param {Float32Array} z @returns {Uint8ClampedArray<ArrayBuffer>} 64 x 64 RGBA
   */
  face(z) {
    const { kernel, layers } = this;
    const [first, ...others] = layers;
    kernel.memory.set(z, 0);
    kernel.project(0, first.weights, first.bias, first.out, this.nz, first.cout);
    let previous = first;
    for (const layer of others) {
      const isLast = layer === layers[layers.length - 1];
      const { weights, bias, out, cin, cout } = layer;
      kernel.upsample(previous.out, weights, bias, out, previous.size, cin, cout, !isLast);
      previous = layer;
    }
    return this.pixels(previous);
  }

  /** @param {Layer} layer the last @returns {Uint8ClampedArray<ArrayBuffer>} */
  pixels({ out, cout }) {
    const { memory } = this.kernel;
    const rgba = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
    for (let pixel = 0; pixel < SIDE * SIDE; pixel += 1) {
      const place = (Math.floor(pixel / SIDE) + 1) * (SIDE + 2) + (pixel % SIDE) + 1;
      for (let c = 0; c < 3; c += 1) {
        const level = Math.fround(Math.tanh(memory[out + place * cout + c]));
        rgba[4 * pixel + c] = Math.fround(Math.fround(level + 1) * 127.5); // rounds half to even
      }
    }
    return rgba;
  }
}

/** The weights, by their index. @param {ModelData} model @returns {(index: number) => number} */
function weightsOf(model) {
  const bytes = bytesOf(model.weights);
  if (model.bits === 16) {
    const [values, halves] = [float16Values(), new Uint16Array(bytes.buffer)];
    return (index) => values[halves[index]];
  }
  const view = new DataView(bytes.buffer);
  const whole = new Uint32Array(1);
  const value = new Float32Array(whole.buffer);
  return (index) => {
    whole[0] = (view.getUint16(3 * index, true) << 8) | (view.getUint8(3 * index + 2) << 24);
    return value[0];
  };
}

/** @param {ModelData} model @param {number} floats @param {string} preferred */
function chooseKernel(model, floats, preferred) {
  if (preferred === "wasm") {
    try {
      return wasmKernel(bytesOf(model.kernel), floats);
    } catch (error) {
      console.info(`No WebAssembly with SIMD (${error}): faces are computed in JavaScript.`);
    }
  }
  return scriptKernel(floats);
}
