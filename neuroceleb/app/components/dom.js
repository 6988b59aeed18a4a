/* What all modules share: elements, numbers, texts in the visitor's language, this browser's storage. */

export const language = document.documentElement.lang === "ko" ? "ko" : "en";
const locale = language === "ko" ? "ko-KR" : "en-US";

/** @type {Record<string, string>} */
const texts = language === "en" ? {}
  : await fetch(new URL(`${language}.json`, import.meta.url)).then((answer) => answer.json()).catch(() => ({}));

/**
 * A text in the visitor's language, with values for what stands in braces.
 * @param {string} english @param {Record<string, string | number>} [values]
 */
export const t = (english, values = {}) =>
  (texts[english] ?? english).replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));

/** As `t`, for a text with a number {n}. @param {string} singular @param {string} plural @param {number} n */
export const tn = (singular, plural, n) => {
  const form = n === 1 || language !== "en" ? singular : plural; // Korean has one form, under the singular
  return t(form, { n: number(n) });
};

/** A number with the separators of the visitor's language. @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => Number(value).toLocaleString(locale, options);

/**
 * The value that a server function of the app returns; throws an Error with its sentence where it refused.
 * @param {Promise<{ value?: any, error?: string }>} reply
 */
export const answered = async (reply) => {
  const { value, error } = await reply;
  if (error !== undefined) throw new Error(error);
  return value;
};

/**
 * A new element; attributes that are functions become event listeners.
 * @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children
 * @returns {any}
 */
export const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
};

/** @param {string} name @returns {string | null} a value stored in this browser, where it allows that */
export const stored = (name) => {
  try { return localStorage.getItem(`neuroceleb-${name}`); } catch { return null; }
};

/** @param {string} name @param {string} value */
export const store = (name, value) => {
  try { localStorage.setItem(`neuroceleb-${name}`, value); } catch { /* a private window */ }
};

/**
 * Show one frame of a sheet of frames without gaps as the background of an element.
 * @param {HTMLElement} target @param {string} sheet @param {[number, number]} size columns and rows @param {[number, number]} place column and row
 */
export const putFrame = (target, sheet, size, place) => {
  const along = (/** @type {0 | 1} */ axis) => (size[axis] > 1 ? (100 * place[axis]) / (size[axis] - 1) : 0);
  target.style.backgroundImage = `url("${sheet}")`;
  target.style.backgroundSize = `${100 * size[0]}% ${100 * size[1]}%`;
  target.style.backgroundPosition = `${along(0)}% ${along(1)}%`;
};

/** Move the focus by the arrow keys among the buttons of a grid, one Tab stop for all. @param {HTMLElement} grid @param {string} selector @param {() => number} columns */
export const roveFocus = (grid, selector, columns) => {
  grid.addEventListener("keydown", (event) => {
    const cells = /** @type {HTMLElement[]} */ ([...grid.querySelectorAll(selector)]);
    const at = cells.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns(), ArrowDown: at + columns(), Home: 0, End: cells.length - 1 };
    const to = cells[/** @type {Record<string, number>} */ (moves)[event.key]];
    if (at < 0 || !to) return;
    event.preventDefault();
    to.focus();
  });
  grid.addEventListener("focusin", (event) => {
    for (const cell of grid.querySelectorAll(selector)) cell.setAttribute("tabindex", cell === event.target ? "0" : "-1");
  });
};
