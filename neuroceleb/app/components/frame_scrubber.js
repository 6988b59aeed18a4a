/* Frames of an interpolation: scrubbed, played and stepped through at the screen's rate. */
import { answered, make, number, t } from "./dom.js";
import { button, leadButtons, makePlayer } from "./parts.js";

/**
 * @typedef {{ frames: number, keys: number[], names: string[], request: any, piece: string, piece_frames: number, columns: number, fps: number, loop: boolean, note?: string }} Value
 */

const SIDE = 64;
const STRIP_FRAMES = 24;
const ACTIONS = {
  roll: ["⚄", t("Another face here")], left: ["←", t("Move earlier")], right: ["→", t("Move later")], remove: ["✕", t("Remove")],
};

/** @param {string} url */
const decode = async (url) => createImageBitmap(await (await fetch(url)).blob());

export const mount = ({ element, props, trigger, watch, server }) => {
  /** @type {Value | null} */
  let value = null;
  /** @type {ImageBitmap[]} */
  let pieces = [];
  let at = 0;

  const stage = make("canvas", { class: "nc-stage nc-pixels", width: SIDE, height: SIDE, role: "img" });
  const slider = make("input", {
    type: "range", min: 0, max: 0, value: 0, class: "nc-range", "aria-label": t("Frame of the interpolation"),
    input: () => { pause(); show(Number(slider.value)); },
  });
  const count = make("output", { class: "nc-figure" });
  const caption = make("p", { class: "nc-facts" });
  const marker = make("i", { class: "nc-strip-marker", "aria-hidden": "true" });
  const strip = make("canvas", { class: "nc-strip nc-pixels", "aria-hidden": "true", height: SIDE });
  const keys = make("ol", { class: "nc-keys", "aria-label": t("Faces of the interpolation") });

  const draw = (/** @type {HTMLCanvasElement} */ canvas, /** @type {number} */ frame, x = 0) => {
    if (!value) return;
    const sprite = pieces[Math.floor(frame / value.piece_frames)];
    const place = frame % value.piece_frames;
    const [column, row] = [place % value.columns, Math.floor(place / value.columns)];
    if (sprite) canvas.getContext("2d")?.drawImage(sprite, column * SIDE, row * SIDE, SIDE, SIDE, x, 0, SIDE, SIDE);
  };
  const nameOf = (/** @type {number} */ frame) => {
    if (!value) return "";
    const key = value.keys.indexOf(frame);
    if (key >= 0) return value.names[key];
    const before = value.keys.findLastIndex((one) => one < frame);
    const after = (before + 1) % value.keys.length;
    const end = after === 0 ? value.frames : value.keys[after];
    const share = (frame - value.keys[before]) / (end - value.keys[before]);
    return `${value.names[before]} → ${value.names[after]} ${number(share, { style: "percent" })}`;
  };
  const show = (/** @type {number} */ frame) => {
    if (!value) return;
    at = Math.max(0, Math.min(value.frames - 1, frame));
    slider.value = String(at);
    draw(stage, at);
    count.textContent = `${number(at + 1)} / ${number(value.frames)}`;
    caption.textContent = nameOf(at);
    slider.setAttribute("aria-valuetext", nameOf(at));
    stage.setAttribute("aria-label", t("Frame {frame}: {name}", { frame: at + 1, name: nameOf(at) }));
    marker.style.left = `${(100 * (at + 0.5)) / value.frames}%`;
  };

  const { pause, button: playButton } = makePlayer(element, () => {
    if (!value || value.frames < 2) return null;
    if (at === value.frames - 1) show(0);
    const [from, began] = [at, performance.now()];
    return (now) => {
      if (!value || element.offsetParent === null) return false;
      const next = from + Math.max(0, Math.floor(((now - began) * value.fps) / 1000));
      const isOver = next >= value.frames && !value.loop;
      const frame = isOver ? value.frames - 1 : next % value.frames;
      if (frame !== at) show(frame);
      return !isOver;
    };
  });

  const scrub = (/** @type {PointerEvent} */ event) => {
    if (!value || (event.type === "pointermove" && !event.buttons)) return;
    const box = strip.getBoundingClientRect();
    pause();
    show(Math.floor(((event.clientX - box.left) / box.width) * value.frames));
  };
  strip.addEventListener("pointerdown", (event) => { strip.setPointerCapture(event.pointerId); scrub(event); });
  strip.addEventListener("pointermove", scrub);
  element.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: (value?.frames ?? 1) - 1, PageUp: at - 10, PageDown: at + 10 };
    const to = /** @type {Record<string, number>} */ (moves)[event.key];
    if (to === undefined || /** @type {HTMLElement} */ (event.target).closest("button")) return;
    event.preventDefault();
    pause();
    show(to);
  });

  const drawStrip = () => {
    if (!value) return;
    const columns = Math.min(value.frames, STRIP_FRAMES);
    strip.width = columns * SIDE;
    for (let column = 0; column < columns; column += 1) {
      draw(strip, Math.floor(((column + 0.5) * value.frames) / columns), column * SIDE);
    }
    for (const [key, canvas] of keys.querySelectorAll("canvas").entries()) draw(canvas, value.keys[key] ?? 0);
  };
  const keyCell = (/** @type {string} */ name, /** @type {number} */ index, /** @type {string[]} */ names) => {
    const isDisabled = { roll: false, left: index === 0, right: index === names.length - 1, remove: names.length <= 2 };
    return make("li", {},
      make("button", { type: "button", class: "nc-frame", title: name, click: () => { pause(); show(value?.keys[index] ?? 0); } },
        make("canvas", { class: "nc-pixels", width: SIDE, height: SIDE }), make("span", {}, name)),
      make("div", { class: "nc-key-actions" }, ...Object.entries(ACTIONS).map(([action, [sign, text]]) => make("button", {
        type: "button", class: "nc-small", "data-action": action, title: text, "aria-label": `${name}: ${text}`,
        disabled: /** @type {Record<string, boolean>} */ (isDisabled)[action], click: () => trigger("edit", { action, index }),
      }, sign))));
  };

  /* The first sprite moves the slider at once; the others follow. */
  const load = async () => {
    const wanted = /** @type {Value | null} */ (props.value);
    if (!wanted) return;
    delete element.dataset.whole;
    if (wanted.note) {
      pause();
      value = null;
      element.replaceChildren(make("div", { class: "nc-empty" }, make("p", {}, wanted.note)));
      return;
    }
    const first = await decode(wanted.piece);
    if (wanted !== props.value) return;
    const share = value && value.frames > 1 ? at / (value.frames - 1) : 0;
    [value, pieces] = [wanted, [first]];
    if (element.firstElementChild !== stage) element.replaceChildren(...parts);
    slider.max = String(value.frames - 1);
    keys.replaceChildren(...value.names.map(keyCell));
    show(Math.round(share * (value.frames - 1)));
    drawStrip();
    for (let piece = 1; piece * wanted.piece_frames < wanted.frames; piece += 1) {
      const next = await decode(await answered(server.frames({ request: wanted.request, start: piece * wanted.piece_frames })));
      if (wanted !== props.value) return;
      pieces[piece] = next;
      if (Math.floor(at / wanted.piece_frames) === piece) show(at);
      drawStrip();
    }
    element.dataset.whole = String(wanted.frames);
  };

  const save = button(t("Save PNG"), () => trigger("save", { frame: at }), { class: "nc-button nc-accent" });
  const leads = leadButtons(["generate", "explore", "nearest", "epochs"], (to) => { pause(); trigger("lead", { to, frame: at }); });
  const parts = [
    stage, caption,
    make("div", { class: "nc-transport" }, playButton, slider, count),
    make("div", { class: "nc-strip-box" }, strip, marker),
    keys,
    make("div", { class: "nc-leads" }, save, ...leads),
  ];
  element.replaceChildren(...parts);
  watch("value", load);
  load();
};
