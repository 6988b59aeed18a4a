/** The contact sheet: the faces of successive seeds, and one of them enlarged. */

import { draw, element, faceCanvas, onLanguage, randomSeed, savePng, seedInput, text } from "./dom.js";

/** @typedef {import("./main.js").Context} Context */

const MAX_COUNT = 256;
const SHEET = "sheet";

/** @param {Context} context @param {HTMLElement} root */
export function showGenerate(context, root) {
  const { faces } = context;
  const state = { seed: 42, count: window.innerWidth < 640 ? 12 : 24 };
  const grid = element("ul", { class: "grid" });
  const facts = element("p", { class: "facts", "aria-live": "polite" });
  const viewer = enlarged(context);
  const seed = seedInput(state.seed, go, { id: "seed" });
  const count = element("input", { type: "number", id: "count", label: "count", min: 1, max: MAX_COUNT, value: state.count });
  count.addEventListener("change", () => {
    state.count = Math.min(MAX_COUNT, Math.max(1, Math.round(Number(count.value)) || 1));
    count.value = String(state.count);
    update();
  });

  /** Show the faces from a seed on. @param {number} first */
  function go(first) {
    state.seed = Math.min(Math.max(0, first), Number.MAX_SAFE_INTEGER - MAX_COUNT);
    seed.value = String(state.seed);
    update();
  }

  function update() {
    faces.drop(SHEET);
    while (grid.children.length > state.count) grid.lastElementChild.remove();
    while (grid.children.length < state.count) grid.append(cell(viewer.open));
    [...grid.children].forEach((item, index) => fill(item, state.seed + index));
    label();
  }

  /** @param {Element} item @param {number} one */
  async function fill(item, one) {
    /** @type {HTMLElement} */ (item).dataset.seed = String(one);
    const pixels = await faces.ofSeed(one, SHEET);
    if (/** @type {HTMLElement} */ (item).dataset.seed !== String(one)) return;
    draw(/** @type {HTMLCanvasElement} */ (item.querySelector("canvas")), pixels);
  }

  function label() {
    facts.textContent = `${context.title()} · ${text("seeds")} ${state.seed}–${state.seed + state.count - 1}`;
    for (const item of grid.children) {
      item.querySelector("button").setAttribute("aria-label", `${text("enlarge")} ${item.dataset.seed}`);
      item.querySelector("canvas").setAttribute("aria-label", `${text("face_of")} ${item.dataset.seed}`);
      item.querySelector(".caption").textContent = item.dataset.seed;
    }
  }

  const step = (/** @type {number} */ by) => () => go(state.seed + by * state.count);
  root.append(
    element("div", { class: "bar" },
      element("label", { class: "field" }, element("span", { text: "seed" }),
        element("span", { class: "row" },
          element("button", { class: "button square", label: "previous", click: step(-1) }, "‹"),
          seed,
          element("button", { class: "button square", label: "next", click: step(1) }, "›"))),
      element("button", { class: "button accent", id: "new-faces", text: "new_faces", click: () => go(randomSeed()) }),
      element("label", { class: "field narrow" }, element("span", { text: "count" }), count),
      context.smoothSwitch()),
    facts, grid, viewer.dialog);
  grid.addEventListener("keydown", moveFocus);
  onLanguage(label);
  update();
}

/** @param {(seed: number) => void} open */
function cell(open) {
  const item = element("li");
  const button = element("button", { class: "frame", click: () => open(Number(item.dataset.seed)) }, faceCanvas());
  item.append(button, element("div", { class: "caption" }));
  return item;
}

/** Arrow keys move between the faces of a grid. @param {KeyboardEvent} event */
function moveFocus(event) {
  const grid = /** @type {HTMLElement} */ (event.currentTarget);
  const buttons = /** @type {HTMLElement[]} */ ([...grid.querySelectorAll("button.frame")]);
  const index = buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (index < 0 || step === undefined) return;
  event.preventDefault();
  buttons[Math.min(buttons.length - 1, Math.max(0, index + step))].focus();
}

/** The dialog with one face, enlarged. @param {Context} context*/
function enlarged(context) {
  const canvas = faceCanvas("face large");
  const caption = element("p", { class: "facts" });
  let seed = 0;
  /** @param {number} chosen */
  async function open(chosen) {
    if (chosen < 0 || chosen > Number.MAX_SAFE_INTEGER) return;
    seed = chosen;
    label();
    if (!dialog.open) dialog.showModal();
    draw(canvas, await context.faces.ofSeed(chosen, "viewer"));
  }
  function label() {
    caption.textContent = `${context.title()} · ${text("seed")} ${seed}`;
    canvas.setAttribute("aria-label", `${text("face_of")} ${seed}`);
  }
  const close = () => dialog.close();
  const lead = (/** @type {string} */ tab) => () => {
    close();
    context.send(tab, seed);
  };
  const dialog = element("dialog", { class: "viewer", label: "face_of" },
    element("div", { class: "viewer-top" }, caption,
      element("button", { class: "button square", label: "previous", click: () => open(seed - 1) }, "‹"),
      element("button", { class: "button square", label: "next", click: () => open(seed + 1) }, "›"),
      element("button", { class: "button square", label: "close", click: close }, "×")),
    canvas,
    element("div", { class: "viewer-foot" },
      element("button", { class: "button", text: "save", click: () => savePng(canvas, context.fileName(seed)) }),
      element("button", { class: "button", text: "to_interpolate", click: lead("interpolate") }),
      element("button", { class: "button", text: "to_explore", click: lead("explore") })));
  dialog.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowRight") open(seed + 1);
    if (event.key === "ArrowLeft") open(seed - 1);
  });
  dialog.addEventListener("click", (/** @type {Event} */ event) => event.target === dialog && close());
  onLanguage(label);
  return { dialog, open };
}
