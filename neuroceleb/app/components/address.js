/* The page's address: tab, model, seeds … in the query; Back and Forward restore what it names. */

const FIRST = "generate"; // the tab that an address without one names

/** @returns {URLSearchParams} */
const query = () => new URLSearchParams(location.search);

let isRestored = false; // before, Gradio's tabs report a choice that nobody made
/** @type {string | null} */
let asked = null; // the query to which Back or Forward restores the page
let isAnswered = false; // the server has answered that, and its tab may still have to be reported
const REPORTED_AFTER = 1_000; // milliseconds, at most
/** @type {any} */
let timer = null;
let reported = ""; // the tab that Gradio reported last
/** @type {HTMLElement | null} */
let early = null; // the title of the tab that a visitor chose before

/** Without the spaces beside the commas of a list of numbers; names keep theirs. @param {string} text */
const compact = (text) => (/\p{L}/u.test(text) ? text : text.replaceAll(/ *, */g, ","));

/**
 * Put a value into the address. A step that a person would go back from is a new entry of the history.
 * @param {string} name @param {any} value @param {any} usual the value that is left out @param {boolean} isStep
 */
const put = (name, value, usual, isStep) => {
  if (name === "tab") {
    reported = value ?? FIRST;
    if (isAnswered) follow();
  }
  if (!isRestored) return;
  write(name, value, usual, isStep);
  openEarly();
};

/** @param {string} name @param {any} value @param {any} usual @param {boolean} isStep */
const write = (name, value, usual, isStep) => {
  const text = value == null || value === "" || String(value) === String(usual ?? "") ? null : compact(String(value));
  const now = query();
  if (now.get(name) === text) return;
  if (text === null) now.delete(name);
  else now.set(name, text);
  const written = now.toString().replaceAll("%2C", ",");
  const url = `${location.pathname}${written ? `?${written}` : ""}`;
  if (isStep) history.pushState(null, "", url);
  else history.replaceState(history.state, "", url);
};

/** Put what a tab was opened with, or a face: a step of the history, with its model and epoch. @param {string} tab @param {string | null} model @param {number | null} epoch */
const place = (tab, model, epoch) => {
  put("tab", tab, FIRST, true);
  put("model", model, null, false);
  put("epoch", epoch, null, false);
};

window.addEventListener("popstate", () => {
  clearTimeout(timer);
  isRestored = false;
  isAnswered = false;
  document.getElementById("restore")?.click();
});

document.addEventListener("click", (event) => {
  const title = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("#tabs [role=tab]"));
  if (title && event.isTrusted) early = isRestored ? null : title;
}, true);

/** Open the tab that a visitor chose while the page was restored, once that of the address is open. */
const openEarly = () => {
  const restored = query().get("tab") ?? FIRST;
  if (!early || (restored !== FIRST && restored !== reported)) return;
  const title = early;
  early = null;
  write("tab", title.id.replace(/^tab-|-button$/g, ""), FIRST, true);
  title.click();
};

/** Begin to restore the page; returns the query that names what is restored. */
const begin = () => {
  asked = location.search;
  return asked;
};

/** Let changes into the address from now on: the page shows what it says, unless it is another one meanwhile. */
const follow = () => {
  if (asked !== null) {
    if (asked !== location.search) return; // Back was pressed again: the page is restored once more
    if (!isAnswered) timer = setTimeout(settle, REPORTED_AFTER);
    isAnswered = true;
    if ((query().get("tab") ?? FIRST) !== reported) return; // Gradio has yet to report the tab, and the one before
  }
  settle();
};

const settle = () => {
  clearTimeout(timer);
  isAnswered = false;
  isRestored = true;
  openEarly();
};

export const address = { put, place, begin, follow };
