/**
 * Requests for faces, computed one after the other in a worker, or in the page where there is none.
 *
 * @typedef {Uint8ClampedArray<ArrayBuffer>} Pixels 64 x 64 RGBA
 * @typedef {{z: Float32Array, group: string, resolve: (pixels: Pixels | null) => void}} Job
 * @typedef {(z: Float32Array) => Promise<Pixels>} Render
 */

import { Generator } from "./generator.js";
import { latentOf } from "./random.js";

const KEPT_FACES = 512;

/** @param {import("./generator.js").ModelData} model @returns {Promise<Render>} */
async function renderInPage(model) {
  const generator = new Generator(model);
  return async (z) => {
    await new Promise((resolve) => setTimeout(resolve));
    return generator.face(z);
  };
}

/**
 * @param {import("./generator.js").ModelData} model @param {string} source of the worker
 * @returns {Promise<Render>}
 */
function renderInWorker(model, source) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.onmessage = () => {
      URL.revokeObjectURL(url);
      resolve(
        (z) =>
          new Promise((done) => {
            worker.onmessage = ({ data }) => done(data.pixels);
            worker.postMessage({ z });
          }),
      );
    };
    worker.postMessage({ model });
  });
}

export class Faces {
  /** @param {import("./generator.js").ModelData} model @param {string} workerSource */
  constructor(model, workerSource) {
    this.nz = model.nz;
    /** @type {Job[]} */
    this.jobs = [];
    this.isBusy = false;
    /** @type {Map<number, Pixels>} */
    this.kept = new Map();
    this.render = this.start(model, workerSource);
  }

  /** @param {import("./generator.js").ModelData} model @param {string} source */
  async start(model, source) {
    try {
      return await renderInWorker(model, source);
    } catch (error) {
      console.info(`No worker (${error}): faces are computed in the page.`);
      return renderInPage(model);
    }
  }

  /**
   * The face of z; null if the request was dropped.
   * @param {Float32Array} z @param {string} [group] requests that can be dropped together
   * @returns {Promise<Pixels | null>}
   */
  request(z, group = "") {
    return new Promise((resolve) => {
      this.jobs.push({ z, group, resolve });
      this.work();
    });
  }

  /** As `request`, before all others, and instead of an older one of its group. @param {Float32Array} z @param {string} group */
  latest(z, group) {
    this.drop(group);
    const promise = this.request(z, group);
    const job = this.jobs.pop();
    if (job) this.jobs.unshift(job);
    return promise;
  }

  /** The face of a seed. @param {number} seed @param {string} [group] @returns {Promise<Pixels | null>} */
  async ofSeed(seed, group = "") {
    const kept = this.kept.get(seed);
    if (kept) return kept;
    const pixels = await this.request(latentOf(seed, this.nz), group);
    if (pixels) this.keep(seed, pixels);
    return pixels;
  }

  /** @param {number} seed @param {Pixels} pixels */
  keep(seed, pixels) {
    this.kept.set(seed, pixels);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT_FACES) this.kept.delete(oldest);
  }

  /** Drop the waiting requests of a group. @param {string} group */
  drop(group) {
    for (const job of this.jobs.filter((job) => job.group === group)) job.resolve(null);
    this.jobs = this.jobs.filter((job) => job.group !== group);
  }

  async work() {
    if (this.isBusy) return;
    this.isBusy = true;
    const render = await this.render;
    for (let job = this.jobs.shift(); job; job = this.jobs.shift()) job.resolve(await render(job.z));
    this.isBusy = false;
  }
}
