/**
 * The convolutions of the generator, in WebAssembly (kernel.c), and in JavaScript for browsers
 * that have no WebAssembly with SIMD. Both compute on one Float32Array; places in it are indices.
 *
 * @typedef {object} Kernel
 * @property {string} name
 * @property {Float32Array} memory
 * @property {(z: number, weights: number, bias: number, out: number, nz: number, channels: number) => void} project
 * z (nz) -> 4 x 4 x channels with a border, after ReLU
 * @property {(input: number, weights: number, bias: number, out: number, size: number, cin: number, cout: number, relu: boolean) => void} upsample
 * size x size x cin -> 2 size x 2 size x cout, both with a border
 */

const PAGE_BYTES = 65536;

/** The number of output channels that are computed together. @param {number} cout */
export function blockOf(cout) {
  return cout % 8 ? 4 : 8;
}

/**
 * The kernel in WebAssembly. Throws where the browser has none, or none with SIMD.
 * @param {Uint8Array<ArrayBuffer>} code @param {number} floats how many floats it must hold
 * @returns {Kernel}
 */
export function wasmKernel(code, floats) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
  const base = Math.ceil(/** @type {WebAssembly.Global} */ (exports.__heap_base).value / 16) * 16;
  const missing = base + 4 * floats - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  const { project, upsample } = /** @type {Record<string, Function>} */ (exports);
  const at = (/** @type {number} */ index) => base + 4 * index;
  return {
    name: "wasm",
    memory: new Float32Array(memory.buffer, base, floats),
    project: (z, weights, bias, out, nz, channels) =>
      project(at(z), at(weights), at(bias), at(out), nz, channels),
    upsample: (input, weights, bias, out, size, cin, cout, relu) =>
      upsample(at(input), at(weights), at(bias), at(out), size, cin, cout, relu ? 1 : 0),
  };
}

/** The kernel in JavaScript. @param {number} floats @returns {Kernel} */
export function scriptKernel(floats) {
  const memory = new Float32Array(floats);
  return {
    name: "script",
    memory,
    project: (z, weights, bias, out, nz, channels) => {
      const sums = new Float64Array(16 * channels);
      for (let k = 0; k < sums.length; k += 1) sums[k] = memory[bias + (k % channels)];
      for (let i = 0; i < nz; i += 1) {
        const value = memory[z + i];
        const row = weights + i * sums.length;
        for (let k = 0; k < sums.length; k += 1) sums[k] += value * memory[row + k];
      }
      for (let k = 0; k < sums.length; k += 1) {
        const pixel = Math.floor(k / channels);
        const place = (Math.floor(pixel / 4) + 1) * 6 + (pixel % 4) + 1;
        memory[out + place * channels + (k % channels)] = Math.max(sums[k], 0);
      }
    },
    upsample: (input, weights, bias, out, size, cin, cout, relu) => {
      const block = blockOf(cout);
      const [inputRow, outRow] = [(size + 2) * cin, (2 * size + 2) * cout];
      const sums = new Float64Array(block);
      let packed = weights;
      for (let parity = 0; parity < 4; parity += 1) {
        const [py, px] = [parity >> 1, parity & 1];
        for (let c = 0; c < cout; c += block, packed += 4 * cin * block) {
          for (let pixel = 0; pixel < size * size; pixel += 1) {
            const [y, x] = [Math.floor(pixel / size), pixel % size];
            const corner = input + (y + py) * inputRow + (x + px) * cin;
            for (let k = 0; k < block; k += 1) sums[k] = memory[bias + c + k];
            let weight = packed;
            for (let tap = 0; tap < 4; tap += 1) {
              const first = corner + (tap >> 1) * inputRow + (tap & 1) * cin;
              for (let i = first; i < first + cin; i += 1, weight += block) {
                const value = memory[i];
                if (value === 0) continue;
                for (let k = 0; k < block; k += 1) sums[k] += value * memory[weight + k];
              }
            }
            const place = out + (2 * y + py + 1) * outRow + (2 * x + px + 1) * cout + c;
            for (let k = 0; k < block; k += 1) memory[place + k] = relu ? Math.max(sums[k], 0) : sums[k];
          }
        }
      }
    },
  };
}
