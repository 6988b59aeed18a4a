/** Elements, texts in the chosen language, and pixels on canvases. */

import { SIDE } from "./generator.js";
import { TEXTS } from "./texts.js";

/** @typedef {import("./faces.js").Pixels} Pixels */

/** What the visitor chose, kept where the browser allows it for a file. */
export const choices = {
  /** @param {string} name @returns {string | null} */
  read(name) {
    try {
      return localStorage.getItem(`neuroceleb.${name}`);
    } catch {
      return null;
    }
  },
  /** @param {string} name @param {string} value */
  write(name, value) {
    try {
      localStorage.setItem(`neuroceleb.${name}`, value);
    } catch {
      // a file may have no storage
    }
  },
};

const wanted = choices.read("language") ?? navigator.language.slice(0, 2);
let language = wanted === "ko" ? "ko" : "en";

/** @type {(() => void)[]} */
const listeners = [];

/** A text of the page, with its named values filled in. @param {string} key @param {Record<string, unknown>} [values] */
export function text(key, values = {}) {
  const found = TEXTS[language][key] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Call now, and whenever the language changes. @param {() => void} write */
export function onLanguage(write) {
  listeners.push(write);
  write();
}

/** @param {string} chosen */
export function setLanguage(chosen) {
  language = chosen;
  choices.write("language", chosen);
  document.documentElement.lang = chosen;
  for (const write of listeners) write();
}

export function currentLanguage() {
  return language;
}

/** A whole or rounded number in the chosen language. @param {number} value @param {number} [digits] */
export function number(value, digits = 0) {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}

/**
 * A new element. `text` and `label` are keys of texts, for its content and its aria-label; functions
 * are listeners; everything else is an attribute.
 * @param {string} tag @param {Record<string, any>} [options] @param {...(Node | string)} children
 * @returns {any}
 */
export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") onLanguage(() => (made.textContent = text(value)));
    else if (name === "label") onLanguage(() => made.setAttribute("aria-label", text(value)));
    else if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** A canvas for one face. @param {string} [className] @returns {HTMLCanvasElement} */
export function faceCanvas(className = "face") {
  return element("canvas", { width: SIDE, height: SIDE, class: className, role: "img" });
}

/** @param {HTMLCanvasElement} canvas @param {Pixels | null} pixels null: leave it as it is */
export function draw(canvas, pixels) {
  if (!pixels) return;
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, SIDE, SIDE), 0, 0);
}

/** Offer a canvas as a PNG file, pixel by pixel. @param {HTMLCanvasElement} canvas @param {string} name */
export function savePng(canvas, name) {
  canvas.toBlob((blob) => {
    if (!blob) return;
    const link = element("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }, "image/png");
}

/**
 * A number field for a seed. @param {number} value @param {(seed: number) => void} change
 * @param {Record<string, any>} [options]
 */
export function seedInput(value, change, options = {}) {
  const limits = { min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, inputmode: "numeric" };
  const input = element("input", { type: "number", value, label: "seed", ...limits, ...options });
  input.addEventListener("change", () => {
    const seed = Math.round(Number(input.value));
    input.value = String(Number.isSafeInteger(seed) && seed >= 0 ? seed : 0);
    change(Number(input.value));
  });
  return input;
}

/** A seed of nine digits at most. */
export function randomSeed() {
  return Math.floor(Math.random() * 1e9);
}
