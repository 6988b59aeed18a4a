/* A contact sheet of generated faces, each of which can be enlarged, saved, kept and sent on. */
import { make, number, roveFocus, t } from "./dom.js";
import { favouriteTest, followFavourites, setFavourite } from "./favourites.js";
import { button, leadButtons, makeViewer, round } from "./parts.js";

/**
 * @typedef {{ model: string, epoch: number, seed?: number, truncation?: number, z?: number[] }} Face
 * @typedef {{ face: Face, name: string, png: string, problem?: string }} Item
 * @typedef {{ faces: Item[], note?: string, of?: [string, number | null] } | null} Value
 */

const CAPTION_PX = 30;
const GAP_PX = 10;

/** @param {Face} face */
const titleOf = (face) => (face.seed == null ? t("A face of no seed") : t("Seed {seed}", { seed: face.seed }));
/** @param {Face} face */
const altOf = (face) => (face.seed == null ? t("A face of no seed") : t("Generated face of seed {seed}", { seed: face.seed }));

/** What stands under each face: its seed, and model and epoch where they differ. @param {Item[]} items */
export const captionsOf = (items) => {
  const of = items.map(({ face }) => `${face.model} ${face.epoch}`);
  const isMixed = new Set(of).size > 1;
  return items.map(({ face }, index) => `${face.seed ?? "z"}${isMixed ? ` · ${of[index]}` : ""}`);
};

/** The address of one face. @param {Face} face */
export const linkTo = (face) => {
  const query = new URLSearchParams({ model: face.model, epoch: String(face.epoch), seed: String(face.seed), count: "1" });
  if ((face.truncation ?? 1) !== 1) query.set("truncation", String(face.truncation));
  return `${location.origin}${location.pathname}?${query}`;
};

/** Copy a text, and confirm it on the button for a moment. @param {string} text @param {HTMLElement} button */
export const copy = async (text, button) => {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("Copied");
  } catch {
    window.prompt(t("Copy link"), text);
  }
  setTimeout(() => { button.textContent = label; }, 1500);
};

/** As few columns as keep the sheet about as high as the window, in full rows where that is possible. */
export const columnsFor = (count, width, height = Math.max(360, window.innerHeight - 250)) => {
  const isPhone = width < 500;
  const many = count > 100;
  const least = isPhone ? (many ? 64 : 118) : many ? 84 : 132;
  let columns = Math.min(count, isPhone ? 3 : 4);
  const side = () => (width - GAP_PX * (columns - 1)) / columns;
  const high = () => Math.ceil(count / columns) * (side() + CAPTION_PX + GAP_PX);
  while (high() > 1.2 * height && side() > least && columns < count) columns += 1;
  for (let fuller = columns; fuller <= columns + 2 && fuller <= count; fuller += 1) {
    if (count % fuller === 0 && (width - GAP_PX * (fuller - 1)) / fuller > 0.8 * least) return fuller;
  }
  return columns;
};

export const mount = ({ element, props, trigger, watch, upload }) => {
  /** @type {Item[]} */
  let items = [];
  let shown = 0;
  const grid = make("ol", { class: "nc-grid", "aria-label": t("Generated faces") });
  const empty = make("p", { class: "nc-note" }, t("Loading the first faces …"));
  roveFocus(grid, ".nc-frame", () => Number(grid.style.getPropertyValue("--columns")) || 1);

  /* One face large, with what can be done with it. */
  const large = make("img", { class: "nc-large" });
  const facts = make("p", { class: "nc-facts" });
  const save = make("a", { class: "nc-button nc-accent" }, t("Save PNG"));
  const link = button(t("Copy link"), () => copy(linkTo(items[shown].face), link));
  const heart = round(t("Favourite"), "♡", () => like(shown), { class: "nc-round nc-heart" });
  const leads = make("div", { class: "nc-leads" }, ...leadButtons(props.leads ?? [], (to) => { viewer.close(); trigger("lead", { to, face: items[shown].face }); }));
  const viewer = makeViewer({
    keydown: (event) => {
      if (event.key === "ArrowLeft") enlarge(shown - 1);
      else if (event.key === "ArrowRight") enlarge(shown + 1);
      else if (event.key === "f") like(shown);
    },
    close: () => grid.children[shown]?.querySelector("button")?.focus(),
  }, [facts, heart], large,
  make("div", { class: "nc-viewer-foot" },
    round(t("Previous face"), "←", () => enlarge(shown - 1)),
    make("div", { class: "nc-leads" }, save, link),
    round(t("Next face"), "→", () => enlarge(shown + 1))),
  leads);

  const enlarge = (/** @type {number} */ index) => {
    const step = index < shown ? -1 : 1;
    let wanted = (index + items.length) % items.length;
    while (items[wanted].problem && wanted !== shown) wanted = (wanted + step + items.length) % items.length;
    shown = wanted;
    const { face, png, name } = items[shown];
    large.src = png;
    large.alt = altOf(face);
    const scale = (face.truncation ?? 1) === 1 ? "" : ` · z × ${face.truncation}`;
    facts.replaceChildren(make("strong", {}, titleOf(face)), ` ${face.model} · ${t("Epoch {epoch}", { epoch: number(face.epoch) })}${scale}`);
    save.href = png;
    save.download = name;
    link.hidden = face.seed == null;
    viewer.setAttribute("aria-label", large.alt);
    showHearts();
    if (!viewer.open) viewer.showModal();
  };

  const like = (/** @type {number} */ index) => {
    const { face } = items[index];
    setFavourite(face, !favouriteTest()(face));
    trigger("favourite");
    showHearts();
  };
  const showHearts = () => {
    const show = (button, is) => {
      button.setAttribute("aria-pressed", String(is));
      button.textContent = is ? "♥" : "♡";
    };
    const isFavourite = favouriteTest();
    for (const [index, { face }] of items.entries()) show(grid.children[index].querySelector(".nc-heart"), isFavourite(face));
    if (items[shown]) show(heart, isFavourite(items[shown].face));
  };

  const caption = (/** @type {Item} */ item, /** @type {number} */ index, /** @type {string} */ text) => make("div", { class: "nc-caption" },
    make("span", { title: text }, text),
    make("button", {
      type: "button", class: "nc-heart", tabindex: "-1", title: t("Favourite"), "aria-label": `${t("Favourite")}: ${titleOf(item.face)}`,
      click: () => like(index),
    }, "♡"),
    item.problem ? "" : make("a", {
      href: item.png, download: item.name, tabindex: "-1", title: item.name, "aria-label": `${t("Save PNG")}: ${titleOf(item.face)}`,
    }, "↓"));
  const cell = (/** @type {Item} */ item, /** @type {number} */ index, /** @type {string} */ text) => make("li", { class: item.problem ? "nc-lost" : "" },
    item.problem ? make("p", {}, item.problem) : make("button", {
      type: "button", class: "nc-frame", tabindex: index ? "-1" : "0", title: t("Enlarge"), click: () => enlarge(index),
    }, make("img", { src: item.png, alt: altOf(item.face), width: 64, height: 64, decoding: "sync" })),
    caption(item, index, text));

  const layOut = () => {
    const width = element.clientWidth;
    if (!items.length || !width) return;
    const columns = columnsFor(items.length, width);
    const side = (width - GAP_PX * (columns - 1)) / columns;
    grid.style.setProperty("--columns", String(columns));
    const top = element.getBoundingClientRect().top + window.scrollY;
    const room = Math.max(240, window.innerHeight - top - CAPTION_PX - GAP_PX);
    grid.style.maxWidth = columns === items.length ? `${columns * room}px` : "none";
    grid.classList.toggle("nc-many", side < 96);
  };

  const draw = () => {
    const value = /** @type {Value} */ (props.value);
    const focused = [...grid.children].findIndex((child) => child.contains(document.activeElement));
    items = value?.faces ?? [];
    const captions = captionsOf(items);
    grid.replaceChildren(...items.map((item, index) => cell(item, index, captions[index])));
    empty.hidden = items.length > 0;
    if (value) empty.textContent = value.note ?? "";
    showHearts();
    layOut();
    compare();
    if (focused >= 0) grid.children[Math.min(focused, items.length - 1)]?.querySelector("button")?.focus();
  };

  /* Faces of the model that was chosen before are dim until those of the new one are drawn. */
  const compare = () => {
    const of = /** @type {Value} */ (props.value)?.of;
    const [model, epoch] = /** @type {any} */ (window).neuroceleb?.chosen ?? [];
    const isStale = Boolean(of && model && (of[0] !== model || (epoch != null && of[1] != null && of[1] !== epoch)));
    element.classList.toggle("nc-stale", isStale);
    element.setAttribute("aria-busy", String(isStale));
  };
  document.addEventListener("neuroceleb:chosen", compare);

  followFavourites(() => { showHearts(); trigger("favourite"); });

  /* A PNG that was saved here, dropped on the sheet, shows its face again. */
  element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("nc-dropping"); });
  element.addEventListener("dragleave", () => element.classList.remove("nc-dropping"));
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    element.classList.remove("nc-dropping");
    const file = event.dataTransfer?.files[0];
    if (file) trigger("drop", { path: (await upload(file)).path });
  });

  element.replaceChildren(empty, grid, viewer);
  new ResizeObserver(layOut).observe(element);
  window.addEventListener("resize", layOut);
  watch("value", draw);
  draw();
};
