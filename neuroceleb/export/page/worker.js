/** The worker that computes faces, so that the page stays responsive. */

import { Generator } from "./generator.js";

/** @type {Generator | undefined} */
let generator;

self.onmessage = ({ data }) => {
  if (data.model) {
    generator = new Generator(data.model);
    self.postMessage({ kernel: generator.kernel.name });
  } else if (generator) {
    const pixels = generator.face(data.z);
    self.postMessage({ pixels }, { transfer: [pixels.buffer] });
  }
};
