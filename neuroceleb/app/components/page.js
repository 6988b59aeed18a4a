/* Runs first on every page: the address, the choice of language, crisp or smooth pixels. */
import { address } from "./address.js";
import { language, make, store, stored, t } from "./dom.js";
import { enqueue, sendNext } from "./event_queue.js";
import { favourites } from "./favourites.js";
import { stepSeeds } from "./seed_steps.js";

const LANGUAGES = { en: "English", ko: "한국어" };

/** Choose the language of the page, which then starts anew. @param {string} code */
const chooseLanguage = (code) => {
  if (code === language) return;
  // biome-ignore lint/suspicious/noDocumentCookie: cookieStore is missing where the page comes by plain http.
  document.cookie = `neuroceleb_language=${code}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
};

/** The buttons that choose the language. */
export const languageSwitch = () => make("div", { class: "nc-languages", role: "group", "aria-label": t("Language") },
  ...Object.entries(LANGUAGES).map(([code, name]) => make("button", {
    type: "button", lang: code, "aria-pressed": String(code === language), click: () => chooseLanguage(code),
  }, name)));

/** Draw faces with smooth or with crisp pixels; kept in this browser. @param {boolean} smooth */
export const setSmooth = (smooth) => {
  document.documentElement.classList.toggle("nc-crisp", !smooth);
  store("smooth", smooth ? "yes" : "no");
};
setSmooth(stored("smooth") !== "no");

/** Save the file of a hidden download button once Gradio has given it one. @param {string} id */
const saveWhenReady = (id) => {
  const began = Date.now();
  const wait = setInterval(() => {
    const button = /** @type {HTMLElement | null} */ (document.querySelector(`#${id}, #${id} a, #${id} button`));
    if (!button && Date.now() - began < 5_000) return;
    clearInterval(wait);
    button?.click();
  }, 100);
};

/** Note the model and epoch that are chosen for all tabs. @param {...any} chosen */
const choose = (...chosen) => {
  Object.assign(/** @type {any} */ (window).neuroceleb, { chosen });
  document.dispatchEvent(new CustomEvent("neuroceleb:chosen"));
};

/** Bring the title of a tab into view, where not all fit. @param {string} name */
const showTab = (name) => document.getElementById(`tab-${name}-button`)?.scrollIntoView({ block: "nearest", inline: "center" });

/** Bring an element into view once the page has drawn it. @param {string} id */
const showSoon = (id) => setTimeout(() => document.getElementById(id)?.scrollIntoView({ block: "nearest" }), 100);

/** Mark a button while its file is made. @param {string} id @param {boolean} isWorking */
const setWorking = (id, isWorking) => {
  const button = document.getElementById(id);
  button?.classList.toggle("nc-working", isWorking);
  button?.setAttribute("aria-busy", String(isWorking));
};

Object.assign(window, { neuroceleb: { address, choose, enqueue, favourites, saveWhenReady, sendNext, setWorking, showSoon, showTab, stepSeeds } });
