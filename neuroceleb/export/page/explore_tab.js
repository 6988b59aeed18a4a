/** One face, moved along the directions in which the model's faces vary most. */

import { draw, element, faceCanvas, number, onLanguage, randomSeed, savePng, seedInput, text } from "./dom.js";
import { latentOf } from "./random.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {{name: string, explains: number, step: number[]}} Direction */

const LIMIT = 3; // standard deviations
const GROUP = "explore";

/** @param {Context} context @param {HTMLElement} root @returns {(seed: number) => void} shows a face */
export function showExplore(context, root) {
  const { faces, data } = context;
  let seed = 43;
  const canvas = faceCanvas("face large");
  const input = seedInput(seed, show, { id: "explore-seed" });
  /** @type {any[]} */
  const sliders = data.directions.map(() =>
    element("input", { type: "range", min: -LIMIT, max: LIMIT, step: 0.05, value: 0 }));

  async function render() {
    const amounts = sliders.map((slider) => Number(slider.value));
    const z = latentOf(seed, faces.nz).map((value, i) =>
      amounts.reduce((/** @type {number} */ sum, amount, k) => sum + amount * data.directions[k].step[i], value));
    sliders.forEach((slider, k) => {
      slider.setAttribute("aria-valuetext", `${amounts[k]} σ`);
      slider.nextElementSibling.textContent = amounts[k] ? number(amounts[k], 2) : "0";
    });
    canvas.setAttribute("aria-label", `${text("face_of")} ${seed}`);
    draw(canvas, await faces.latest(z, GROUP));
  }

  /** @param {number} chosen */
  function show(chosen) {
    seed = chosen;
    input.value = String(chosen);
    render();
  }

  function reset() {
    for (const slider of sliders) slider.value = "0";
    render();
  }

  const rows = sliders.map((slider, k) => {
    const name = element("span");
    slider.addEventListener("input", render);
    slider.addEventListener("dblclick", () => ((slider.value = "0"), render()));
    onLanguage(() => {
      const { name: given, explains } = data.directions[k];
      const title = given || `${text("direction")} ${k + 1}`;
      name.textContent = title;
      name.title = `${number(100 * explains, 1)} % ${text("explains")}`;
      slider.setAttribute("aria-label", title);
    });
    return element("label", { class: "direction" }, name, slider, element("output", {}, "0"));
  });
  const step = (/** @type {number} */ by) => () => show(Math.max(0, seed + by));
  root.append(
    element("div", { class: "stage" }, canvas,
      element("div", { class: "controls" },
        element("h2", { text: "explore" }), element("p", { class: "facts", text: "directions_how" }),
        element("div", { class: "row" },
          element("button", { class: "button square", label: "previous", click: step(-1) }, "‹"), input,
          element("button", { class: "button square", label: "next", click: step(1) }, "›"),
          element("button", { class: "button", text: "new_face", click: () => show(randomSeed()) })),
        element("div", { class: "directions" }, ...rows),
        element("div", { class: "row" },
          element("button", { class: "button", id: "reset", text: "reset", click: reset }),
          element("button", { class: "button", text: "save", click: () => savePng(canvas, context.fileName(`${seed}_moved`)) }),
          context.smoothSwitch()))));
  onLanguage(render);
  return show;
}
