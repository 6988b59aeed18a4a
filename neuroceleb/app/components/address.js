/* The page's address: tab, model, seeds … in the query; Back and Forward restore what it names. */

/** @returns {URLSearchParams} */
const query = () => new URLSearchParams(location.search);

let isRestored = false; // before, Gradio's tabs report a choice that nobody made
/** @type {HTMLElement | null} */
let openedEarly = null; // the title of the tab that a visitor chose before, which restoring may have left

/** Without the spaces of lists of numbers; names keep theirs. @param {string} text */
const compact = (text) => (/\p{L}/u.test(text) ? text : text.replaceAll(" ", ""));

/**
 * Put a value into the address. A step that a person would go back from is a new entry of the history.
 * @param {string} name @param {any} value @param {any} usual the value that is left out @param {boolean} isStep
 */
const put = (name, value, usual, isStep) => {
  if (!isRestored) return;
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

window.addEventListener("popstate", () => document.getElementById("restore")?.click());

document.addEventListener("click", (event) => {
  const title = /** @type {Element | null} */ (event.target)?.closest?.("#tabs [role=tab]");
  if (title && event.isTrusted && !isRestored) openedEarly = /** @type {HTMLElement} */ (title);
}, true);

/** Let changes into the address from now on: the page shows what it says, or the tab that was opened since. */
const follow = () => {
  isRestored = true;
  const name = openedEarly?.id.match(/^tab-(\w+)-button$/)?.[1];
  if (!name) return;
  put("tab", name, "generate", true);
  openedEarly?.click();
  openedEarly = null;
};

export const address = { put, follow };
