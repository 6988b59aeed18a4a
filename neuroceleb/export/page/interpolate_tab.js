/** A slider between two to twelve faces. */

import { draw, element, faceCanvas, onLanguage, randomSeed, savePng, seedInput, text } from "./dom.js";
import { pointOf } from "./interpolation.js";
import { latentOf } from "./random.js";

/** @typedef {import("./main.js").Context} Context */

const MIN_STOPS = 2;
const MAX_STOPS = 12;
const SECONDS_PER_STEP = 2.5;
const GROUP = "walk";

/** @param {Context} context @param {HTMLElement} root @returns {(seed: number) => void} adds a face */
export function showInterpolate(context, root) {
  const { faces } = context;
  let seeds = [43, 44, 55, 42];
  let keys = seeds.map((seed) => latentOf(seed, faces.nz));
  const canvas = faceCanvas("face large");
  const stops = element("ol", { class: "stops" });
  const slider = element("input", { type: "range", id: "position", label: "position", min: 0, step: 0.001, value: 0 });
  const facts = element("p", { class: "facts" });
  const player = playback(slider, () => keys.length - 1, render);
  const add = element("button", { class: "button", id: "add-stop", text: "add", click: () => change([...seeds, randomSeed()]) });

  /** @param {number[]} chosen */
  function change(chosen) {
    seeds = chosen;
    keys = seeds.map((seed) => latentOf(seed, faces.nz));
    slider.max = String(seeds.length - 1);
    add.disabled = seeds.length >= MAX_STOPS;
    stops.replaceChildren(...seeds.map((seed, index) => stop(seed, index)));
    render();
  }

  /** One face on the way. @param {number} seed @param {number} index */
  function stop(seed, index) {
    const small = faceCanvas();
    small.setAttribute("aria-label", `${text("face_of")} ${seed}`);
    faces.ofSeed(seed, "stops").then((pixels) => draw(small, pixels));
    const go = () => {
      slider.value = String(index);
      render();
    };
    const remove = element("button", { class: "button square small" }, "×");
    remove.setAttribute("aria-label", `${text("remove")} ${seed}`);
    remove.disabled = seeds.length <= MIN_STOPS;
    remove.addEventListener("click", () => change(seeds.filter((_, other) => other !== index)));
    const frame = element("button", { class: "frame", click: go }, small);
    frame.setAttribute("aria-label", `${text("seed")} ${seed}`);
    const input = seedInput(seed, (chosen) => change(seeds.with(index, chosen)));
    return element("li", {}, frame, element("span", { class: "row" }, input, remove));
  }

  async function render() {
    label();
    draw(canvas, await faces.latest(pointOf(keys, Number(slider.value)), GROUP));
  }

  function label() {
    const position = Number(slider.value);
    const index = Math.min(Math.floor(position), seeds.length - 2);
    const share = Math.round(100 * (position - index));
    facts.textContent = `${text("between")} ${seeds[index]} → ${seeds[index + 1]} · ${share} %`;
    slider.setAttribute("aria-valuetext", facts.textContent);
    canvas.setAttribute("aria-label", facts.textContent);
  }

  slider.addEventListener("input", render);
  const save = () => savePng(canvas, context.fileName(`${seeds.join("-")}_at_${slider.value}`));
  root.append(
    element("div", { class: "stage" }, canvas,
      element("div", { class: "controls" },
        element("h2", { text: "interpolate" }), facts,
        element("div", { class: "row" }, player, slider),
        element("h3", { text: "stops" }), stops,
        element("div", { class: "row" }, add,
          element("button", { class: "button", text: "save", click: save }), context.smoothSwitch()))));
  onLanguage(() => change(seeds));
  return (seed) => change([...seeds.slice(0, MAX_STOPS - 1), seed]);
}

/**
 * A button that moves a slider to and fro. @param {HTMLInputElement} slider
 * @param {() => number} length in steps @param {() => void} render
 */
function playback(slider, length, render) {
  let isPlaying = false;
  let direction = 1;
  let before = 0;
  const button = element("button", { class: "button play", id: "play-walk", click: toggle });
  const label = () => (button.textContent = text(isPlaying ? "pause" : "play"));

  function toggle() {
    isPlaying = !isPlaying;
    before = performance.now();
    label();
    if (isPlaying) requestAnimationFrame(frame);
  }

  /** @param {number} now */
  function frame(now) {
    if (!isPlaying || !button.isConnected) return;
    const next = Number(slider.value) + (direction * (now - before)) / 1000 / SECONDS_PER_STEP;
    before = now;
    if (next >= length()) direction = -1;
    if (next <= 0) direction = 1;
    slider.value = String(next);
    if (slider.checkVisibility?.() ?? true) render();
    requestAnimationFrame(frame);
  }

  onLanguage(label);
  return button;
}
