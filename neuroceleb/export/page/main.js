/**
 * The page of an exported model: its tabs, language and colours.
 *
 * @typedef {object} PageData what neuroceleb/export/html.py put into the page
 * @property {string} version
 * @property {string} sha256
 * @property {import("./about_tab.js").Card} card
 * @property {import("./generator.js").ModelData} model without its weights
 * @property {import("./explore_tab.js").Direction[]} directions
 * @property {{epoch: number, sheet: string}[]} film base64 of WebP
 * @property {number} epochs of the run
 * @property {{epochs: number[], seen: (number | null)[], charts: import("./charts.js").Chart[]}} stats
 * @property {import("./progress_tab.js").Verdict | null} verdict
 * @property {number | null} best
 *
 * @typedef {object} Context
 * @property {PageData} data
 * @property {Faces} faces
 * @property {() => string} title the model and its epoch
 * @property {(what: number | string) => string} fileName of a saved face
 * @property {() => HTMLElement} smoothSwitch
 * @property {(tab: string, seed: number) => void} send a face to another tab
 */

import { showAbout } from "./about_tab.js";
import { choices, currentLanguage, element, onLanguage, setLanguage, text } from "./dom.js";
import { showExplore } from "./explore_tab.js";
import { Faces } from "./faces.js";
import { showGenerate } from "./generate_tab.js";
import { showInterpolate } from "./interpolate_tab.js";
import { showProgress } from "./progress_tab.js";
import { latentOf } from "./random.js";

const root = document.documentElement;

/** @param {string} id */
function contentOf(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id)).textContent ?? "";
}

/** @param {PageData} data @param {Faces} faces */
function contextOf(data, faces) {
  /** @type {Record<string, (seed: number) => void>} */
  const receivers = {};
  const context = {
    data,
    faces,
    receivers,
    title: () => (data.card.epoch === null ? data.card.name : `${data.card.name} · ${text("epoch")} ${data.card.epoch}`),
    fileName: (/** @type {number | string} */ what) => `${data.card.name}_seed_${what}.png`,
    smoothSwitch: () => {
      const box = element("input", { type: "checkbox", class: "smooth" });
      box.checked = root.classList.contains("smooth-faces");
      box.addEventListener("change", () => setSmooth(box.checked));
      return element("label", { class: "switch" }, box, element("span", { text: "smooth" }));
    },
    send: (/** @type {string} */ tab, /** @type {number} */ seed) => {
      document.getElementById(`tab-${tab}`)?.click(); // draws it, the first time
      receivers[tab](seed);
    },
  };
  return context;
}

/** @param {boolean} on */
function setSmooth(on) {
  root.classList.toggle("smooth-faces", on);
  choices.write("smooth", on ? "yes" : "no");
  for (const box of document.querySelectorAll("input.smooth")) /** @type {HTMLInputElement} */ (box).checked = on;
}

/** The tabs; each is drawn when it is first opened. @param {Record<string, (panel: HTMLElement) => void>} tabs */
function showTabs(tabs) {
  const list = element("div", { role: "tablist", class: "tabs" });
  const main = element("main");
  const drawn = new Set();
  /** @param {string} name */
  function open(name) {
    for (const tab of list.children) {
      const isOpen = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      const panel = /** @type {HTMLElement} */ (document.getElementById(tab.getAttribute("aria-controls")));
      panel.hidden = !isOpen;
      if (isOpen && !drawn.has(name)) tabs[name](panel);
      if (isOpen) drawn.add(name);
    }
  }
  for (const name of Object.keys(tabs)) {
    const tab = { role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, text: name };
    list.append(element("button", { ...tab, click: () => open(name) }));
    main.append(element("section", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": tab.id }));
  }
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = /** @type {HTMLElement[]} */ ([...list.children]);
    const next = all[(all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step + all.length) % all.length];
    next.click();
    next.focus();
  });
  document.body.append(element("nav", {}, list), main);
  open(Object.keys(tabs)[0]);
}

/** Buttons for the language and for light or dark. */
function showPreferences() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = element("button", { class: "quiet", id: "theme" });
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const label = () => (theme.textContent = text(isDark() ? "light" : "dark"));
  const chosen = choices.read("theme");
  if (chosen) root.dataset.theme = chosen;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    choices.write("theme", root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  onLanguage(label);
  const languages = [["en", "English"], ["ko", "한국어"]].map(([code, name]) => {
    const button = element("button", { class: "quiet", lang: code, click: () => setLanguage(code) }, name);
    onLanguage(() => button.setAttribute("aria-pressed", String(currentLanguage() === code)));
    return button;
  });
  document.querySelector(".preferences")?.append(...languages, theme);
}

function start() {
  /** @type {PageData} */
  const data = JSON.parse(contentOf("data"));
  const faces = new Faces({ ...data.model, weights: contentOf("weights") }, contentOf("worker"));
  const context = contextOf(data, faces);
  window.neuroceleb = {
    name: data.card.name,
    nz: faces.nz,
    latent: (seed) => latentOf(seed, faces.nz),
    generate: async (seed) => (await faces.ofSeed(seed))?.slice() ?? null,
    render: (z) => faces.request(Float32Array.from(z)),
  };
  root.lang = currentLanguage();
  if (choices.read("smooth") !== "no") root.classList.add("smooth-faces");
  showPreferences();
  const tagline = document.querySelector("header p");
  onLanguage(() => {
    if (tagline) tagline.textContent = text("tagline");
  });
  const hasHistory = data.film.length > 0 || data.stats.charts.length > 0;
  /** @type {Record<string, (panel: HTMLElement) => void>} */
  const tabs = {
    generate: (panel) => showGenerate(context, panel),
    interpolate: (panel) => (context.receivers.interpolate = showInterpolate(context, panel)),
    explore: (panel) => (context.receivers.explore = showExplore(context, panel)),
    ...(hasHistory ? { progress: (panel) => showProgress(context, panel) } : {}),
    about: (panel) => showAbout(context, panel),
  };
  showTabs(tabs);
}

start();
