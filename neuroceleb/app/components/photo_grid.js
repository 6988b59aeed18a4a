/* The faces found in photos: kept or left out by a click, ticked to do more with several. */
import { answered, make, number, putFrame, roveFocus, t } from "./dom.js";
import { makeViewer, round } from "./parts.js";

/**
 * @typedef {{ id: string, name: string, label: string | null, kept: boolean, by_hand: boolean, note: string, title: string,
 *   photo: [string, string], size: [number, number] | null, boxes: [number, number, number, number, boolean][] }} Item
 * @typedef {{ key: string, faces: Item[], sprite: string, columns: number, first: number, total: number, page: number, pages: number, live: boolean }} Value
 */

const ON_PHONE = 24; // faces at a time
const SVG = "http://www.w3.org/2000/svg";

export const mount = ({ element, props, trigger, watch, server }) => {
  /** @type {Value | null} */
  let value = null;
  let ticked = new Set();
  let last = -1; // ticked last, for a range
  let from = 0; // of the page, on a phone
  /** @type {Map<string, Promise<string | null>>} */
  const photos = new Map();

  const list = make("ol", { class: "nc-crops", "aria-label": t("Faces") });
  const nothing = make("p", { class: "nc-note" }, t("There is no such photo here."));
  const all = make("input", { type: "checkbox", id: "tick-all", change: () => tick(all.checked ? ["*"] : []) });
  const allText = make("span");
  const place = make("span", { class: "nc-facts", "aria-live": "polite" });
  const [back, on] = [round(t("Previous faces"), "←", () => move(-1)), round(t("Next faces"), "→", () => move(1))];
  const bar = make("div", { class: "nc-crops-bar" }, make("label", { class: "nc-switch" }, all, allText),
    make("span", { class: "nc-pager" }, back, place, on));
  const viewed = { item: /** @type {Item | null} */ (null), text: make("p", { class: "nc-facts" }), both: make("div", { class: "nc-both" }) };
  const viewNext = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    const next = viewed.item && value?.faces[value.faces.indexOf(viewed.item) + by];
    if (by && next) enlarge(next);
  };
  const viewer = makeViewer({ keydown: viewNext }, [viewed.text], viewed.both);
  roveFocus(list, ".nc-crop", () => getComputedStyle(list).gridTemplateColumns.split(" ").length);

  const step = () => (window.innerWidth < 640 ? ON_PHONE : Infinity);
  const shown = () => value?.faces.slice(from, from + step()) ?? [];
  const move = (/** @type {number} */ by) => {
    const next = from + by * step();
    if (next >= 0 && next < (value?.faces.length ?? 0)) { from = next; draw(false); }
    else trigger("turn", { page: (value?.page ?? 0) + by });
    element.scrollIntoView({ block: "nearest" });
  };

  const tick = (/** @type {string[]} */ ids) => {
    ticked = new Set(ids);
    for (const box of list.querySelectorAll(".nc-tick")) box.checked = ticked.has("*") || ticked.has(box.value);
    all.checked = ticked.has("*");
    Object.assign(/** @type {any} */ (window).neuroceleb, { ticked: [...ticked] });
    trigger("tick", { faces: [...ticked] });
  };
  const tickOne = (/** @type {number} */ index, /** @type {boolean} */ is, /** @type {boolean} */ isRange) => {
    const items = value?.faces ?? [];
    const ids = ticked.has("*") ? new Set(items.map((item) => item.id)) : new Set(ticked);
    const [low, high] = isRange && last >= 0 ? [Math.min(last, index), Math.max(last, index)] : [index, index];
    for (const item of items.slice(low, high + 1)) {
      if (is) ids.add(item.id);
      else ids.delete(item.id);
    }
    last = index;
    tick([...ids]);
  };

  /** A photo with its faces boxed, where it is still here. @param {Item} item */
  const photoOf = (item) => {
    const figure = make("figure", { class: "nc-photo" });
    const key = item.photo.join("/");
    figure.classList.toggle("nc-missing", !item.size || !server.photo);
    if (!item.size || !server.photo) return figure;
    if (!photos.has(key)) photos.set(key, answered(server.photo(item.photo)).catch(() => null));
    photos.get(key)?.then((url) => {
      figure.classList.toggle("nc-missing", !url);
      if (!url) { photos.delete(key); return; }
      const boxes = document.createElementNS(SVG, "svg");
      boxes.setAttribute("viewBox", `0 0 ${item.size?.join(" ")}`);
      boxes.setAttribute("aria-hidden", "true");
      boxes.append(...item.boxes.map(([x, y, width, height, kept]) => {
        const box = document.createElementNS(SVG, "rect");
        for (const [name, number] of Object.entries({ x, y, width, height })) box.setAttribute(name, String(number));
        box.setAttribute("class", kept ? "" : "nc-out");
        return box;
      }));
      figure.replaceChildren(make("img", { src: url, alt: item.name, width: item.size?.[0], height: item.size?.[1] }), boxes);
    });
    return figure;
  };

  const picture = (/** @type {Item} */ item, /** @type {string} */ kind) => {
    const found = value?.faces.filter((one) => one.label !== null) ?? [];
    const index = found.indexOf(item);
    const image = make("span", { class: `${kind} nc-pixels` });
    const columns = value?.columns ?? 1;
    if (index >= 0) putFrame(image, value?.sprite ?? "", [columns, Math.ceil(found.length / columns)], [index % columns, Math.floor(index / columns)]);
    return image;
  };

  const enlarge = (/** @type {Item} */ item) => {
    viewed.item = item;
    viewer.setAttribute("aria-label", item.name);
    viewed.text.replaceChildren(make("strong", {}, item.name), item.title);
    viewed.both.replaceChildren(picture(item, "nc-crop-large"), photoOf(item));
    if (!viewer.open) viewer.showModal();
  };

  const cell = (/** @type {Item} */ item, /** @type {number} */ index) => {
    const isFirst = value?.live && value.faces.findIndex((one) => one.photo[1] === item.photo[1]) === index;
    const state = item.kept ? t("kept") : t("left out");
    const name = `${item.name}: ${[item.by_hand ? `${state}, ${t("by hand")}` : state, item.note].filter(Boolean).join(", ")}`;
    const crop = item.label === null ? make("p", { class: "nc-crop nc-none" }, item.note) : make("button", {
      type: "button", class: "nc-crop", "data-face": item.id, "aria-pressed": String(item.kept), "aria-label": name, title: item.title,
      tabindex: index ? "-1" : "0", disabled: value?.live,
      click: () => trigger("toggle", { face: item.id }),
      keydown: (event) => { if (event.key === "s") tickOne(index, !list.children[index - from].querySelector(".nc-tick").checked, event.shiftKey); },
    }, picture(item, "nc-crop-image"));
    const box = value?.live ? "" : make("input", {
      type: "checkbox", class: "nc-tick", value: item.id, tabindex: "-1", "aria-label": t("Select {name}", { name: item.name }),
      click: (event) => tickOne(index, box.checked, event.shiftKey),
    });
    if (box) box.checked = ticked.has("*") || ticked.has(item.id);
    return make("li", { class: [item.kept ? "" : "nc-out", item.by_hand ? "nc-by-hand" : "", isFirst ? "nc-with-photo" : ""].join(" ") },
      isFirst ? photoOf(item) : "", make("div", { class: "nc-crop-box" }, crop, box),
      make("div", { class: "nc-crop-foot" }, make("span", { class: "nc-why" }, item.by_hand ? t("by hand") : item.label ?? ""),
        make("button", { type: "button", class: "nc-crop-name", tabindex: "-1", title: item.name, click: () => enlarge(item) }, item.name.split("/").at(-1) ?? "")));
  };

  document.addEventListener("neuroceleb:untick", () => { if (ticked.size) tick([]); });

  const draw = (isNew = true) => {
    const next = /** @type {Value | null} */ (props.value || null);
    if (isNew && next?.key !== value?.key) {
      from = 0;
      last = -1;
      if (ticked.size) tick([]);
    }
    value = next;
    const focused = [...list.children].findIndex((child) => child.contains(document.activeElement));
    list.replaceChildren(...shown().map((item, index) => cell(item, from + index)));
    if (focused >= 0) list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button")?.focus();
    const first = (value?.first ?? 0) + from;
    const total = value?.total ?? 0;
    bar.hidden = !total || Boolean(value?.live);
    nothing.hidden = total > 0 || !value || value.live;
    allText.textContent = t("All {n} of this view", { n: number(total) });
    place.textContent = t("{first}–{last} of {total}", { first: number(first + 1), last: number(first + shown().length), total: number(total) });
    back.disabled = first === 0;
    on.disabled = first + shown().length >= total;
  };

  element.replaceChildren(bar, list, nothing, viewer);
  window.addEventListener("resize", () => draw(false));
  watch("value", draw);
  draw();
};
